# CUnit programs, one fragment per room.
include tests/unit/base.mk
include tests/unit/bindings.mk
include tests/unit/ctl.mk
include tests/unit/engine.mk
include tests/unit/files.mk
include tests/unit/http.mk
include tests/unit/io.mk
include tests/unit/master.mk
include tests/unit/middleware.mk
include tests/unit/shm.mk
include tests/unit/worker.mk
