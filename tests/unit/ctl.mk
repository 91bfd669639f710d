# Unit tests of fastrdctl's parts.
ctl_tests = tests/unit/test_ctl_json
check_PROGRAMS += $(ctl_tests)
TESTS += $(ctl_tests)

tests_unit_test_ctl_json_SOURCES = tests/unit/test_ctl_json.c ctl/json.c
tests_unit_test_ctl_json_LDADD = libbase.la -lcunit
