# Unit tests of files/; included by tests/unit/local.mk.
files_test_libs = libfiles.la libmiddleware.la $(http_test_libs) $(ZLIB_LIBS) $(DEFLATE_LIBS) $(NETTLE_LIBS)

files_tests = tests/unit/test_files_range tests/unit/test_files_stamp \
	tests/unit/test_files_tree
check_PROGRAMS += $(files_tests)
TESTS += $(files_tests)

tests_unit_test_files_range_SOURCES = tests/unit/test_files_range.c
tests_unit_test_files_range_LDADD = $(files_test_libs) -lcunit
tests_unit_test_files_stamp_SOURCES = tests/unit/test_files_stamp.c
tests_unit_test_files_stamp_LDADD = $(files_test_libs) -lcunit
tests_unit_test_files_tree_SOURCES = tests/unit/test_files_tree.c
tests_unit_test_files_tree_LDADD = $(files_test_libs) -lcunit
