# Unit tests of what of master/ starts no process.
master_tests = tests/unit/test_master_conf tests/unit/test_master_listen
check_PROGRAMS += $(master_tests)
TESTS += $(master_tests)

tests_unit_test_master_conf_SOURCES = tests/unit/test_master_conf.c \
	master/arguments.c master/conf.c
tests_unit_test_master_conf_LDADD = libbase.la -lcunit
tests_unit_test_master_listen_SOURCES = tests/unit/test_master_listen.c \
	master/listen.c master/shortage.c
tests_unit_test_master_listen_LDADD = libbase.la -lcunit
