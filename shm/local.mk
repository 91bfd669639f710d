# shm: all bytes two processes agree on. Needs zlib for its CRC only.
noinst_LTLIBRARIES += libshm.la
libshm_la_SOURCES = \
	shm/board.c shm/board.h shm/counters.def \
	shm/builder.c shm/builder.h \
	shm/check.c shm/check.h \
	shm/check_plan.c shm/check_plan.h \
	shm/index.c shm/index.h \
	shm/key.c shm/key.h \
	shm/layout.h shm/plan.h \
	shm/method.c shm/method.h \
	shm/route.c shm/route.h \
	shm/segment.c shm/segment.h \
	shm/table.c shm/table.h \
	shm/template.c shm/template.h
libshm_la_LIBADD = -lz
