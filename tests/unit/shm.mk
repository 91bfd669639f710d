# Unit tests of shm/; included by tests/unit/local.mk. board_dump is what tests in
# Python read boards with (tests/e2e/boards.py), route_oracle answers
# tests/unit_py/test_route_match.py, route_match is a benchmark.
shm_test_libs = libshm.la libbase.la $(ZLIB_LIBS)
shm_fixture = tests/unit/shm_fixture.c tests/unit/shm_fixture.h

check_PROGRAMS += tests/unit/test_shm_board tests/unit/test_shm_conflict \
	tests/unit/test_shm_hands \
	tests/unit/test_shm_route tests/unit/test_shm_segment \
	tests/unit/test_shm_table tests/fuzz/fuzz_table
TESTS += tests/unit/test_shm_board tests/unit/test_shm_conflict \
	tests/unit/test_shm_hands \
	tests/unit/test_shm_route tests/unit/test_shm_segment \
	tests/unit/test_shm_table tests/fuzz/fuzz_table
tests_unit_test_shm_board_SOURCES = tests/unit/test_shm_board.c
tests_unit_test_shm_board_LDADD = $(shm_test_libs) -lcunit
tests_unit_test_shm_conflict_SOURCES = tests/unit/test_shm_conflict.c $(shm_fixture)
tests_unit_test_shm_conflict_LDADD = $(shm_test_libs) -lcunit
tests_unit_test_shm_hands_SOURCES = tests/unit/test_shm_hands.c
tests_unit_test_shm_hands_LDADD = $(shm_test_libs) -lcunit
tests_unit_test_shm_route_SOURCES = tests/unit/test_shm_route.c $(shm_fixture)
tests_unit_test_shm_route_LDADD = $(shm_test_libs) -lcunit
tests_unit_test_shm_segment_SOURCES = tests/unit/test_shm_segment.c $(shm_fixture)
tests_unit_test_shm_segment_LDADD = $(shm_test_libs) -lcunit
tests_unit_test_shm_table_SOURCES = tests/unit/test_shm_table.c $(shm_fixture)
tests_unit_test_shm_table_LDADD = $(shm_test_libs) -lcunit
tests_fuzz_fuzz_table_SOURCES = tests/fuzz/fuzz_table.c $(shm_fixture)
tests_fuzz_fuzz_table_LDADD = $(shm_test_libs)

noinst_PROGRAMS += tests/unit/board_dump tests/unit/route_oracle bench/micro/route_match
tests_unit_board_dump_SOURCES = tests/unit/board_dump.c
tests_unit_board_dump_LDADD = $(shm_test_libs)
tests_unit_route_oracle_SOURCES = tests/unit/route_oracle.c $(shm_fixture)
tests_unit_route_oracle_LDADD = $(shm_test_libs)
bench_micro_route_match_SOURCES = bench/micro/route_match.c
bench_micro_route_match_LDADD = $(shm_test_libs)
