# Fuzz targets as plain programs over the saved corpus. To search with clang:
# see tests/fuzz/README.md.
fuzz_targets = tests/fuzz/fuzz_head tests/fuzz/fuzz_framing \
	tests/fuzz/fuzz_query tests/fuzz/fuzz_cookie \
	tests/fuzz/fuzz_content_type tests/fuzz/fuzz_multipart \
	tests/fuzz/fuzz_proxy tests/fuzz/fuzz_range tests/fuzz/fuzz_websocket \
	tests/fuzz/fuzz_deflate tests/fuzz/fuzz_deflate_terms tests/fuzz/fuzz_control
check_PROGRAMS += $(fuzz_targets)
TESTS += $(fuzz_targets)

fuzz_replay = tests/fuzz/replay.c tests/fuzz/target.h
fuzz_libs = libhttp.la libshm.la libbase.la -lhttp_parser

tests_fuzz_fuzz_head_SOURCES = tests/fuzz/fuzz_head.c $(fuzz_replay)
tests_fuzz_fuzz_head_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_framing_SOURCES = tests/fuzz/fuzz_framing.c $(fuzz_replay)
tests_fuzz_fuzz_framing_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_query_SOURCES = tests/fuzz/fuzz_query.c $(fuzz_replay)
tests_fuzz_fuzz_query_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_cookie_SOURCES = tests/fuzz/fuzz_cookie.c $(fuzz_replay)
tests_fuzz_fuzz_cookie_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_content_type_SOURCES = tests/fuzz/fuzz_content_type.c $(fuzz_replay)
tests_fuzz_fuzz_content_type_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_multipart_SOURCES = tests/fuzz/fuzz_multipart.c $(fuzz_replay) \
	$(multipart_transcript)
tests_fuzz_fuzz_multipart_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_proxy_SOURCES = tests/fuzz/fuzz_proxy.c $(fuzz_replay)
tests_fuzz_fuzz_proxy_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_range_SOURCES = tests/fuzz/fuzz_range.c $(fuzz_replay)
tests_fuzz_fuzz_range_LDADD = $(files_test_libs)
tests_fuzz_fuzz_websocket_SOURCES = tests/fuzz/fuzz_websocket.c $(fuzz_replay)
tests_fuzz_fuzz_websocket_LDADD = $(worker_test_libs)
tests_fuzz_fuzz_deflate_SOURCES = tests/fuzz/fuzz_deflate.c $(fuzz_replay)
tests_fuzz_fuzz_deflate_LDADD = $(worker_test_libs)
tests_fuzz_fuzz_deflate_terms_SOURCES = tests/fuzz/fuzz_deflate_terms.c $(fuzz_replay)
tests_fuzz_fuzz_deflate_terms_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_control_SOURCES = tests/fuzz/fuzz_control.c $(fuzz_replay) \
	ctl/json.c ctl/text.c master/json.c
tests_fuzz_fuzz_control_LDADD = libbase.la
