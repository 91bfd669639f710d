# Unit tests of worker/, over a stand-in for the bindings.
worker_tests = tests/unit/test_worker_accept tests/unit/test_worker_access \
	tests/unit/test_worker_access_line tests/unit/test_worker_answers \
	tests/unit/test_worker_admin tests/unit/test_worker_content tests/unit/test_worker_deflate \
	tests/unit/test_worker_drain \
	tests/unit/test_worker_handover tests/unit/test_worker_input \
	tests/unit/test_worker_requests tests/unit/test_worker_room tests/unit/test_worker_timeouts
check_PROGRAMS += $(worker_tests)
TESTS += $(worker_tests)

worker_fixture = tests/unit/worker_fixture.c tests/unit/worker_fixture.h \
	tests/unit/fake_requests.c tests/unit/fake_requests.h
worker_test_libs = libworker.la libhttp.la libio.la libshm.la libbase.la \
	$(EVENT_LIBS) $(ZLIB_LIBS) $(NETTLE_LIBS) -lhttp_parser -lcunit

tests_unit_test_worker_accept_SOURCES = tests/unit/test_worker_accept.c $(worker_fixture)
tests_unit_test_worker_accept_LDADD = $(worker_test_libs)
tests_unit_test_worker_access_SOURCES = tests/unit/test_worker_access.c $(worker_fixture)
tests_unit_test_worker_access_LDADD = $(worker_test_libs)
tests_unit_test_worker_access_line_SOURCES = tests/unit/test_worker_access_line.c
tests_unit_test_worker_access_line_LDADD = $(worker_test_libs)
tests_unit_test_worker_admin_SOURCES = tests/unit/test_worker_admin.c $(worker_fixture)
tests_unit_test_worker_admin_LDADD = $(worker_test_libs)
tests_unit_test_worker_answers_SOURCES = tests/unit/test_worker_answers.c $(worker_fixture)
tests_unit_test_worker_answers_LDADD = $(worker_test_libs)
tests_unit_test_worker_content_SOURCES = tests/unit/test_worker_content.c $(worker_fixture)
tests_unit_test_worker_content_LDADD = $(worker_test_libs)
tests_unit_test_worker_deflate_SOURCES = tests/unit/test_worker_deflate.c
tests_unit_test_worker_deflate_LDADD = $(worker_test_libs)
tests_unit_test_worker_drain_SOURCES = tests/unit/test_worker_drain.c $(worker_fixture)
tests_unit_test_worker_drain_LDADD = $(worker_test_libs)
tests_unit_test_worker_handover_SOURCES = tests/unit/test_worker_handover.c $(worker_fixture)
tests_unit_test_worker_handover_LDADD = $(worker_test_libs)
tests_unit_test_worker_input_SOURCES = tests/unit/test_worker_input.c
tests_unit_test_worker_input_LDADD = $(worker_test_libs)
tests_unit_test_worker_requests_SOURCES = tests/unit/test_worker_requests.c $(worker_fixture)
tests_unit_test_worker_requests_LDADD = $(worker_test_libs)
tests_unit_test_worker_room_SOURCES = tests/unit/test_worker_room.c $(worker_fixture)
tests_unit_test_worker_room_LDADD = $(worker_test_libs)
tests_unit_test_worker_timeouts_SOURCES = tests/unit/test_worker_timeouts.c $(worker_fixture)
tests_unit_test_worker_timeouts_LDADD = $(worker_test_libs)

noinst_PROGRAMS += bench/micro/log_lines
bench_micro_log_lines_SOURCES = bench/micro/log_lines.c
bench_micro_log_lines_LDADD = $(worker_test_libs)
