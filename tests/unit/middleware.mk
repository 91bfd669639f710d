# Unit tests of middleware/; included by tests/unit/local.mk.
middleware_test_libs = libmiddleware.la $(http_test_libs) $(ZLIB_LIBS) $(DEFLATE_LIBS) $(NETTLE_LIBS) -lcunit
middleware_fixture = tests/unit/middleware_fixture.c tests/unit/middleware_fixture.h

middleware_tests = tests/unit/test_middleware_answer tests/unit/test_middleware_around \
	tests/unit/test_middleware_chain \
	tests/unit/test_middleware_cors tests/unit/test_middleware_gzip \
	tests/unit/test_middleware_hosts tests/unit/test_middleware_session
check_PROGRAMS += $(middleware_tests)
TESTS += $(middleware_tests)

tests_unit_test_middleware_answer_SOURCES = tests/unit/test_middleware_answer.c \
	$(middleware_fixture)
tests_unit_test_middleware_answer_LDADD = $(middleware_test_libs)
tests_unit_test_middleware_around_SOURCES = tests/unit/test_middleware_around.c \
	$(middleware_fixture)
tests_unit_test_middleware_around_LDADD = $(middleware_test_libs)
tests_unit_test_middleware_chain_SOURCES = tests/unit/test_middleware_chain.c \
	$(middleware_fixture)
tests_unit_test_middleware_chain_LDADD = $(middleware_test_libs)
tests_unit_test_middleware_cors_SOURCES = tests/unit/test_middleware_cors.c \
	$(middleware_fixture)
tests_unit_test_middleware_cors_LDADD = $(middleware_test_libs)
tests_unit_test_middleware_gzip_SOURCES = tests/unit/test_middleware_gzip.c \
	$(middleware_fixture)
tests_unit_test_middleware_gzip_LDADD = $(middleware_test_libs)
tests_unit_test_middleware_hosts_SOURCES = tests/unit/test_middleware_hosts.c \
	$(middleware_fixture)
tests_unit_test_middleware_hosts_LDADD = $(middleware_test_libs)
tests_unit_test_middleware_session_SOURCES = tests/unit/test_middleware_session.c \
	$(middleware_fixture)
tests_unit_test_middleware_session_LDADD = $(middleware_test_libs)
