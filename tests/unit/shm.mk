# Tests of shm/. The oracle and the benchmark are programs for others: see
# tests/unit_py/test_route_match.py and bench/micro/route_match.c.
shm_tests = tests/unit/test_shm_board tests/unit/test_shm_report \
	tests/unit/test_shm_route tests/unit/test_shm_segment \
	tests/unit/test_shm_table
check_PROGRAMS += $(shm_tests) tests/unit/route_oracle bench/micro/route_match
TESTS += $(shm_tests)

shm_fixture = tests/unit/shm_fixture.c tests/unit/shm_fixture.h
shm_test_libs = libshm.la libbase.la $(ZLIB_LIBS)

tests_unit_test_shm_board_SOURCES = tests/unit/test_shm_board.c
tests_unit_test_shm_board_LDADD = $(shm_test_libs) -lcunit
tests_unit_test_shm_report_SOURCES = tests/unit/test_shm_report.c $(shm_fixture)
tests_unit_test_shm_report_LDADD = $(shm_test_libs) -lcunit
tests_unit_test_shm_route_SOURCES = tests/unit/test_shm_route.c $(shm_fixture)
tests_unit_test_shm_route_LDADD = $(shm_test_libs) -lcunit
tests_unit_test_shm_segment_SOURCES = tests/unit/test_shm_segment.c $(shm_fixture)
tests_unit_test_shm_segment_LDADD = $(shm_test_libs) -lcunit
tests_unit_test_shm_table_SOURCES = tests/unit/test_shm_table.c $(shm_fixture)
tests_unit_test_shm_table_LDADD = $(shm_test_libs) -lcunit
tests_unit_route_oracle_SOURCES = tests/unit/route_oracle.c
tests_unit_route_oracle_LDADD = $(shm_test_libs)
bench_micro_route_match_SOURCES = bench/micro/route_match.c
bench_micro_route_match_LDADD = $(shm_test_libs)
