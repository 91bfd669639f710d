# Unit tests of engine/; what they are linked with stands in bindings.mk.
engine_tests = tests/unit/test_engine_settings
if PYTHON_EMBEDS
check_PROGRAMS += $(engine_tests)
TESTS += $(engine_tests)
endif

tests_unit_test_engine_settings_SOURCES = tests/unit/test_engine_settings.c
tests_unit_test_engine_settings_CPPFLAGS = $(python_test_cppflags)
tests_unit_test_engine_settings_LDADD = $(python_test_libs)
