# Unit tests of io/.
io_tests = tests/unit/test_io_deadlines tests/unit/test_io_output tests/unit/test_io_sink \
	tests/unit/test_io_timers tests/unit/test_io_turn
check_PROGRAMS += $(io_tests)
TESTS += $(io_tests)

io_test_libs = libio.la libbase.la $(EVENT_LIBS) -lcunit

tests_unit_test_io_deadlines_SOURCES = tests/unit/test_io_deadlines.c
tests_unit_test_io_deadlines_LDADD = $(io_test_libs)
# Memory runs out where the test says.
tests_unit_test_io_output_SOURCES = tests/unit/test_io_output.c
tests_unit_test_io_output_LDADD = $(io_test_libs)
tests_unit_test_io_output_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=realloc,--wrap=malloc
tests_unit_test_io_sink_SOURCES = tests/unit/test_io_sink.c
tests_unit_test_io_sink_LDADD = $(io_test_libs)
tests_unit_test_io_timers_SOURCES = tests/unit/test_io_timers.c
tests_unit_test_io_timers_LDADD = $(io_test_libs)
tests_unit_test_io_turn_SOURCES = tests/unit/test_io_turn.c
tests_unit_test_io_turn_LDADD = $(io_test_libs)
