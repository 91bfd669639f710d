# Unit tests of http/; included by tests/unit/local.mk. http_oracle is the
# program behind tests/unit_py/test_http_text.py.
http_test_libs = libhttp.la libshm.la libbase.la $(NETTLE_LIBS) -lhttp_parser

http_tests = tests/unit/test_http_field tests/unit/test_http_head \
	tests/unit/test_http_parse tests/unit/test_http_policy \
	tests/unit/test_http_framing tests/unit/test_http_text \
	tests/unit/test_http_answer tests/unit/test_http_exchange \
	tests/unit/test_http_multipart tests/unit/test_http_proxy tests/unit/test_http_frame \
	tests/unit/test_http_handshake tests/unit/test_http_messages
check_PROGRAMS += $(http_tests)
TESTS += $(http_tests)
noinst_PROGRAMS += tests/unit/http_oracle bench/micro/http_text

tests_unit_test_http_parse_SOURCES = tests/unit/test_http_parse.c tests/unit/http_limits.h
tests_unit_test_http_parse_LDADD = $(http_test_libs) -lcunit
tests_unit_test_http_policy_SOURCES = tests/unit/test_http_policy.c \
	tests/unit/http_fixture.c tests/unit/http_fixture.h tests/unit/http_limits.h
tests_unit_test_http_policy_LDADD = $(http_test_libs) -lcunit
tests_unit_test_http_head_SOURCES = tests/unit/test_http_head.c \
	tests/unit/http_fixture.c tests/unit/http_fixture.h tests/unit/http_limits.h
tests_unit_test_http_head_LDADD = $(http_test_libs) -lcunit
tests_unit_test_http_field_SOURCES = tests/unit/test_http_field.c \
	tests/unit/http_fixture.c tests/unit/http_fixture.h tests/unit/http_limits.h
tests_unit_test_http_field_LDADD = $(http_test_libs) -lcunit
tests_unit_test_http_framing_SOURCES = tests/unit/test_http_framing.c \
	tests/unit/http_limits.h
tests_unit_test_http_framing_LDADD = $(http_test_libs) -lcunit
tests_unit_test_http_text_SOURCES = tests/unit/test_http_text.c
tests_unit_test_http_text_LDADD = $(http_test_libs) -lcunit
tests_unit_test_http_answer_SOURCES = tests/unit/test_http_answer.c
tests_unit_test_http_answer_LDADD = $(http_test_libs) -lcunit
tests_unit_test_http_exchange_SOURCES = tests/unit/test_http_exchange.c
tests_unit_test_http_exchange_LDADD = $(http_test_libs) -lcunit
multipart_transcript = tests/unit/multipart_transcript.c tests/unit/multipart_transcript.h
tests_unit_test_http_multipart_SOURCES = tests/unit/test_http_multipart.c \
	$(multipart_transcript)
tests_unit_test_http_multipart_LDADD = $(http_test_libs) -lcunit
tests_unit_test_http_proxy_SOURCES = tests/unit/test_http_proxy.c
tests_unit_test_http_proxy_LDADD = $(http_test_libs) -lcunit
tests_unit_test_http_frame_SOURCES = tests/unit/test_http_frame.c
tests_unit_test_http_frame_LDADD = $(http_test_libs) -lcunit
tests_unit_test_http_handshake_SOURCES = tests/unit/test_http_handshake.c \
	tests/unit/http_fixture.c tests/unit/http_fixture.h tests/unit/http_limits.h
tests_unit_test_http_handshake_LDADD = $(http_test_libs) -lcunit
tests_unit_test_http_messages_SOURCES = tests/unit/test_http_messages.c
tests_unit_test_http_messages_LDADD = $(http_test_libs) -lcunit
tests_unit_http_oracle_SOURCES = tests/unit/http_oracle.c tests/unit/http_limits.h \
	$(multipart_transcript)
tests_unit_http_oracle_LDADD = $(http_test_libs)
bench_micro_http_text_SOURCES = bench/micro/http_text.c
bench_micro_http_text_LDADD = $(http_test_libs)

include tests/fuzz/local.mk
