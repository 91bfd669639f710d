# Unit tests of engine/; what they are linked with stands in bindings.mk.
engine_tests = tests/unit/test_engine_options
if PYTHON_EMBEDS
check_PROGRAMS += $(engine_tests)
TESTS += $(engine_tests)
endif

tests_unit_test_engine_options_SOURCES = tests/unit/test_engine_options.c
tests_unit_test_engine_options_CPPFLAGS = $(python_test_cppflags)
tests_unit_test_engine_options_LDADD = $(python_test_libs)
