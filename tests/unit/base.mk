# Unit tests of base/.
base_tests = tests/unit/test_base tests/unit/test_base_atoms tests/unit/test_base_clock tests/unit/test_base_conf \
	tests/unit/test_base_list tests/unit/test_base_pool tests/unit/test_base_rule \
	tests/unit/test_base_text tests/unit/test_base_utf8
check_PROGRAMS += $(base_tests)
TESTS += $(base_tests)

tests_unit_test_base_SOURCES = tests/unit/test_base.c
tests_unit_test_base_LDADD = libbase.la -lcunit
tests_unit_test_base_atoms_SOURCES = tests/unit/test_base_atoms.c
tests_unit_test_base_atoms_LDADD = libbase.la -lcunit
tests_unit_test_base_clock_SOURCES = tests/unit/test_base_clock.c
tests_unit_test_base_clock_LDADD = -lcunit
tests_unit_test_base_conf_SOURCES = tests/unit/test_base_conf.c
tests_unit_test_base_conf_LDADD = libbase.la -lcunit
tests_unit_test_base_list_SOURCES = tests/unit/test_base_list.c
tests_unit_test_base_list_LDADD = libbase.la -lcunit
tests_unit_test_base_pool_SOURCES = tests/unit/test_base_pool.c
tests_unit_test_base_pool_LDADD = libbase.la -lcunit
tests_unit_test_base_rule_SOURCES = tests/unit/test_base_rule.c
tests_unit_test_base_rule_LDADD = libbase.la -lcunit
tests_unit_test_base_text_SOURCES = tests/unit/test_base_text.c
tests_unit_test_base_text_LDADD = libbase.la -lcunit
tests_unit_test_base_utf8_SOURCES = tests/unit/test_base_utf8.c
tests_unit_test_base_utf8_LDADD = libbase.la -lcunit
