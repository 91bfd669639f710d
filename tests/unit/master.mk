# Unit tests of what of master/ starts no process.
master_tests = tests/unit/test_master_child tests/unit/test_master_conf tests/unit/test_master_control \
	tests/unit/test_master_file tests/unit/test_master_generation tests/unit/test_master_glob tests/unit/test_master_helper tests/unit/test_master_listen \
	tests/unit/test_master_notify tests/unit/test_master_oom tests/unit/test_master_probation \
	tests/unit/test_master_recycle tests/unit/test_master_resolve tests/unit/test_master_signals \
	tests/unit/test_master_watchdog tests/unit/test_master_workers tests/unit/test_master_zygote
check_PROGRAMS += $(master_tests)
TESTS += $(master_tests)

# Supervision without processes.
master_fixture = tests/unit/master_fixture.c tests/unit/master_fixture.h \
	master/address.c master/bind.c master/child.c master/develop.c master/doing.c master/generation.c master/inherit.c master/listen.c \
	master/logs.c master/origin.c master/notify.c master/overdue.c master/probation.c master/process.c master/python.c \
	master/replies.c master/shortage.c master/spare.c master/status.c master/stranded.c \
	master/watchdog.c master/workers.c master/zygote.c \
	master/oom.c master/pid_file.c master/recycle.c master/reload.c master/takeover.c master/upgrade.c master/writer.c
master_test_libs = libshm.la libbase.la $(ZLIB_LIBS) -lcunit

tests_unit_test_master_child_SOURCES = tests/unit/test_master_child.c \
	master/child.c master/shortage.c
tests_unit_test_master_child_LDADD = libbase.la -lcunit
tests_unit_test_master_conf_SOURCES = tests/unit/test_master_conf.c \
	master/arguments.c master/conf.c master/file.c master/flags.c master/foreign.c master/help.c \
	master/helper.c master/origin.c master/preset.c master/print_config.c master/python.c master/shortage.c master/variables.c master/address.c
tests_unit_test_master_conf_LDADD = libbase.la -lcunit
tests_unit_test_master_control_SOURCES = tests/unit/test_master_control.c \
	$(master_fixture) master/control.c master/crashes.c master/json.c master/orders.c master/reap.c \
	master/report.c master/settings.c master/signals.c
tests_unit_test_master_control_LDADD = $(master_test_libs)
tests_unit_test_master_file_SOURCES = tests/unit/test_master_file.c \
	master/address.c master/arguments.c master/conf.c master/file.c master/flags.c master/foreign.c master/help.c \
	master/helper.c master/origin.c master/preset.c master/print_config.c master/python.c master/shortage.c master/variables.c
tests_unit_test_master_file_LDADD = libbase.la -lcunit
tests_unit_test_master_generation_SOURCES = tests/unit/test_master_generation.c \
	$(master_fixture)
tests_unit_test_master_generation_LDADD = $(master_test_libs)
tests_unit_test_master_glob_SOURCES = tests/unit/test_master_glob.c master/glob.c
tests_unit_test_master_glob_LDADD = libbase.la -lcunit
tests_unit_test_master_helper_SOURCES = tests/unit/test_master_helper.c \
	master/account.c master/helper.c master/shortage.c
tests_unit_test_master_helper_LDADD = libbase.la -lcunit
tests_unit_test_master_listen_SOURCES = tests/unit/test_master_listen.c \
	master/address.c master/bind.c master/inherit.c master/listen.c master/shortage.c
tests_unit_test_master_listen_LDADD = libbase.la -lcunit
tests_unit_test_master_notify_SOURCES = tests/unit/test_master_notify.c $(master_fixture)
tests_unit_test_master_notify_LDADD = $(master_test_libs)
tests_unit_test_master_probation_SOURCES = tests/unit/test_master_probation.c \
	$(master_fixture) master/crashes.c master/reap.c
tests_unit_test_master_probation_LDADD = $(master_test_libs)
tests_unit_test_master_signals_SOURCES = tests/unit/test_master_signals.c \
	$(master_fixture) master/crashes.c master/reap.c master/signals.c
tests_unit_test_master_signals_LDADD = $(master_test_libs)
tests_unit_test_master_oom_SOURCES = tests/unit/test_master_oom.c master/oom.c
tests_unit_test_master_oom_LDADD = libbase.la -lcunit
tests_unit_test_master_resolve_SOURCES = tests/unit/test_master_resolve.c \
	master/address.c master/helper.c master/resolve.c master/shortage.c
tests_unit_test_master_resolve_LDADD = libbase.la -lcunit
tests_unit_test_master_recycle_SOURCES = tests/unit/test_master_recycle.c $(master_fixture)
tests_unit_test_master_recycle_LDADD = $(master_test_libs)
tests_unit_test_master_watchdog_SOURCES = tests/unit/test_master_watchdog.c $(master_fixture)
tests_unit_test_master_watchdog_LDADD = $(master_test_libs)
tests_unit_test_master_workers_SOURCES = tests/unit/test_master_workers.c $(master_fixture)
tests_unit_test_master_workers_LDADD = $(master_test_libs)
tests_unit_test_master_zygote_SOURCES = tests/unit/test_master_zygote.c $(master_fixture) \
	master/crashes.c master/reap.c
tests_unit_test_master_zygote_LDADD = $(master_test_libs)
