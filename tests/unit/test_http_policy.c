/*
 * test_http_policy: which requests are refused, and as what. One test per kind
 * of leniency that http-parser has and a strict server must not have; the
 * vectors are those of the request smuggling record of servers and proxies.
 * Every row is read whole, cut in two at every byte, and byte by byte.
 */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/http_fixture.h"
#include "tests/unit/http_limits.h"
#include "tests/unit/suite.h"

struct row {
	struct slice bytes;
	const char *want;
};

#define ROW(bytes, want) { SLICE_LIT(bytes), want }
#define HOST "Host: a\r\n"
#define GET "GET / HTTP/1.1\r\n"
#define POST "POST / HTTP/1.1\r\n" HOST
#define CHECK(...) check((const struct row[]){ __VA_ARGS__, { SLICE_LIT(""), NULL } })

static void
check(const struct row *row)
{
	for (; row->want != NULL; row++) {
		const char *got = head_verdict(row->bytes);

		if (strcmp(got, row->want) != 0)
			printf("\n\t%s instead of %s: %.*s\n", got, row->want,
			    (int)row->bytes.len, row->bytes.ptr);
		CU_ASSERT_STRING_EQUAL(got, row->want);
	}
}

/* A target, in a request that is right otherwise. */
static void
check_target(const char *target, const char *want)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", target);

	check((const struct row[]){ { { text, (size_t)n }, want }, { SLICE_LIT(""), NULL } });
}

static void
check_host(const char *host, const char *want)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", host);

	check((const struct row[]){ { { text, (size_t)n }, want }, { SLICE_LIT(""), NULL } });
}

static void
test_plain_requests_pass(void)
{
	CHECK(
	    ROW(GET HOST "\r\n", "ok"),
	    ROW("GET / HTTP/1.0\r\n\r\n", "ok"),
	    ROW("M-SEARCH * HTTP/1.1\r\n" HOST "\r\n", "bad_target"),
	    ROW("OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "ok"),
	    ROW(POST "Content-Length: 0\r\n\r\n", "ok"),
	    ROW(POST "Content-Length:\t 5 \t\r\n\r\nhello", "ok"),
	    ROW(POST "Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", "ok"),
	    ROW("GET / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", "ok"),
	    ROW("TRACE / HTTP/1.1\r\n" HOST "\r\n", "ok"),
	    ROW(GET HOST "Empty:\r\nBlank: \t \r\n\r\n", "ok"),
	    ROW(GET HOST "Latin: \xe9\x80\xff\r\n\r\n", "ok"),
	    ROW(GET HOST "A: b", "more"),
	    ROW(GET HOST, "more"),
	    ROW(GET HOST "\r", "more"));
}

static void
test_line_ends_are_crlf(void)
{
	CHECK(
	    ROW("GET / HTTP/1.1\n" HOST "\r\n", "bad_line_end"),
	    ROW(GET "Host: a\n\r\n", "bad_line_end"),
	    ROW(GET HOST "X: y\n\n", "bad_line_end"),
	    ROW(GET HOST "\n", "bad_line_end"),
	    ROW(GET HOST "X: y\rZ: w\r\n\r\n", "bad_line_end"),
	    ROW(GET HOST "X: y\r\r\n\r\n", "bad_line_end"),
	    ROW(GET HOST "X: \r y\r\n\r\n", "bad_line_end"),
	    ROW(GET HOST "X\r: y\r\n\r\n", "bad_line_end"),
	    ROW(GET "Host: a\rTransfer-Encoding: chunked\r\n\r\n", "bad_line_end"));
}

static void
test_folded_fields_are_refused(void)
{
	CHECK(
	    ROW(GET HOST "X: y\r\n z\r\n\r\n", "folded_field"),
	    ROW(GET HOST "X: y\r\n\tz\r\n\r\n", "folded_field"),
	    ROW(GET HOST "X: y\r\n \r\n\r\n", "folded_field"),
	    ROW(GET " Host: a\r\n\r\n", "folded_field"),
	    ROW(POST "Transfer-Encoding:\r\n chunked\r\n\r\n", "folded_field"));
}

static void
test_control_bytes_are_refused(void)
{
	CHECK(
	    ROW(GET HOST "X: a\0b\r\n\r\n", "bad_byte"),
	    ROW(GET HOST "X\0: b\r\n\r\n", "bad_byte"),
	    ROW("GET /\0 HTTP/1.1\r\n" HOST "\r\n", "bad_byte"),
	    ROW(GET HOST "X: a\x01" "b\r\n\r\n", "bad_byte"),
	    ROW(GET HOST "X: a\x1b[0m\r\n\r\n", "bad_byte"),
	    ROW(GET HOST "X: a\x7f\r\n\r\n", "bad_byte"),
	    ROW(GET HOST "X: a\x0b\r\n\r\n", "bad_byte"),
	    ROW(GET HOST "X: a\tb\r\n\r\n", "ok"));
}

static void
test_blanks_around_field_names_are_refused(void)
{
	CHECK(
	    ROW(POST "Content-Length : 3\r\n\r\nabc", "bad_field"),
	    ROW(POST "Content-Length\t: 3\r\n\r\nabc", "bad_field"),
	    ROW(POST "Transfer-Encoding : chunked\r\n\r\n", "bad_field"),
	    ROW(POST "Transfer Encoding: chunked\r\n\r\n", "bad_field"));
}

static void
test_malformed_field_lines_are_refused(void)
{
	CHECK(
	    ROW(GET HOST "no colon\r\n\r\n", "bad_field"),
	    ROW(GET HOST "nocolon\r\n\r\n", "bad_field"),
	    ROW(GET HOST ": empty\r\n\r\n", "bad_field"),
	    ROW(GET HOST "a(b: c\r\n\r\n", "bad_field"),
	    ROW(GET HOST "a\"b: c\r\n\r\n", "bad_field"),
	    ROW(GET HOST "n\xe4me: c\r\n\r\n", "bad_field"));
}

static void
test_versions_other_than_1_0_and_1_1_are_refused(void)
{
	CHECK(
	    ROW("GET / HTTP/2.0\r\n" HOST "\r\n", "bad_version"),
	    ROW("GET / HTTP/9.9\r\n" HOST "\r\n", "bad_version"),
	    ROW("GET / HTTP/1.2\r\n" HOST "\r\n", "ok"),
	    ROW("GET / HTTP/0.9\r\n" HOST "\r\n", "bad_version"),
	    ROW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "bad_version"),
	    ROW("GET / HTTP/11\r\n" HOST "\r\n", "bad_request_line"),
	    ROW("GET / HTTP/1.10\r\n" HOST "\r\n", "bad_request_line"),
	    ROW("GET / HTTP/01.1\r\n" HOST "\r\n", "bad_request_line"),
	    ROW("GET / HTTP/1.1x\r\n" HOST "\r\n", "bad_request_line"),
	    ROW("GET / HTTP/a.b\r\n" HOST "\r\n", "bad_request_line"),
	    ROW("GET / http/1.1\r\n" HOST "\r\n", "bad_request_line"),
	    ROW("SOURCE / ICE/1.0\r\n" HOST "\r\n", "bad_request_line"),
	    ROW("GET /\r\n\r\n", "bad_request_line"));
}

static void
test_request_line_has_two_blanks(void)
{
	CHECK(
	    ROW("GET  / HTTP/1.1\r\n" HOST "\r\n", "bad_request_line"),
	    ROW("GET /  HTTP/1.1\r\n" HOST "\r\n", "bad_request_line"),
	    ROW("GET / HTTP/1.1 \r\n" HOST "\r\n", "bad_request_line"),
	    ROW(" GET / HTTP/1.1\r\n" HOST "\r\n", "bad_request_line"),
	    ROW("GET\t/\tHTTP/1.1\r\n" HOST "\r\n", "bad_request_line"),
	    ROW("GET /a b HTTP/1.1\r\n" HOST "\r\n", "bad_request_line"),
	    ROW("GET / HTTP/1.1 HTTP/1.1\r\n" HOST "\r\n", "bad_request_line"));
}

static void
test_any_token_is_a_method(void)
{
	CHECK(
	    ROW("BREW / HTTP/1.1\r\n" HOST "\r\n", "ok"),
	    ROW("get / HTTP/1.1\r\n" HOST "\r\n", "ok"),
	    ROW("GETX / HTTP/1.1\r\n" HOST "\r\n", "ok"),
	    ROW("\"GET / HTTP/1.1\r\n" HOST "\r\n", "bad_request_line"),
	    ROW("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\n" HOST "\r\n", "ok"),
	    ROW("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLM / HTTP/1.1\r\n"
		HOST "\r\n", "bad_method"),
	    ROW("CONNECT a:443 HTTP/1.1\r\n" HOST "\r\n", "connect"),
	    ROW("CONNECT / HTTP/1.1\r\n" HOST "\r\n", "connect"));
}

static void
test_host_is_there_once(void)
{
	CHECK(
	    ROW(GET "\r\n", "bad_host"),
	    ROW(GET HOST HOST "\r\n", "bad_host"),
	    ROW(GET "Host: a\r\nhost: b\r\n\r\n", "bad_host"),
	    ROW("GET / HTTP/1.0\r\n" HOST HOST "\r\n", "bad_host"),
	    ROW("GET / HTTP/1.0\r\nHost: a/b\r\n\r\n", "bad_host"));
}

static void
test_host_is_a_host(void)
{
	check_host("a,b", "bad_host");
	check_host("user@a", "bad_host");
	check_host("a/b", "bad_host");
	check_host("a?b", "bad_host");
	check_host("a#b", "bad_host");
	check_host("a b", "bad_host");
	check_host("a\\b", "bad_host");
	check_host("a\xe4", "bad_host");
	check_host("a:b", "bad_host");
	check_host("a:80:80", "bad_host");
	check_host("[::1", "bad_host");
	check_host("::1", "bad_host");
	check_host("[::1]x", "bad_host");
	check_host("[]", "bad_host");
	check_host("[::1%eth0]", "bad_host");
	check_host("[::1]:b", "bad_host");
	check_host(":b", "bad_host");
	check_host("", "ok");
	check_host(":80", "ok");
	check_host("a:123456", "ok");
	check_host("a:000080", "ok");
	check_host("a", "ok");
	check_host("a:80", "ok");
	check_host("a:", "ok");
	check_host("a.example.", "ok");
	check_host("my_service-1.local:8000", "ok");
	check_host("127.0.0.1:8000", "ok");
	check_host("[::1]", "ok");
	check_host("[2001:db8::1]:8080", "ok");
	check_host("xn--bcher-kva.example", "ok");
}

static void
test_target_bytes(void)
{
	check_target("/a#b", "bad_target");
	check_target("/a\x7f", "bad_byte");
	check_target("/a\x80", "bad_target");
	check_target("/\xc3\xa9", "bad_target");
	check_target("/a?b#\xc3\xa9", "bad_target");
	check_target("/a#b?c", "bad_target");
	check_target("/a?b#c", "ok");
	check_target("/a\\b", "ok");
	check_target("/%", "ok");
	check_target("/%4", "ok");
	check_target("/%zz", "ok");
	check_target("/a?b=%zz", "ok");
	check_target("/a%00", "ok");
	check_target("/a%0a", "ok");
	check_target("/a%0D%0A", "ok");
	check_target("/a?x=%0a", "ok");
	check_target("/a%2f%2e%2e", "ok");
	check_target("/a?b?c=/d&e", "ok");
	check_target("//a", "ok");
	check_target("/~!$&'()*+,;=:@[]{}|^`\"<>", "ok");
}

static void
test_target_forms(void)
{
	check_target("*", "bad_target");
	check_target("a", "bad_request_line");
	check_target("http://a/b?c", "ok");
	check_target("HTTP://A/b", "ok");
	check_target("https://a/", "ok");
	check_target("http://a", "ok");
	check_target("http://a?b", "ok");
	check_target("http://b/", "ok");
	check_target("http://a:80/", "ok");
	check_target("http://[::1]:80/", "ok");
	check_target("http://a?b#c", "ok");
	check_target("http://a/b#c", "bad_target");
	check_target("http://:80/", "bad_host");
	check_target("http://user@a/", "bad_host");
	check_target("http:///a", "bad_host");
	check_target("ftp://a/", "bad_target");
	check_target("file://a/", "bad_target");
}

static void
test_content_length(void)
{
	CHECK(
	    ROW(POST "Content-Length:\r\n\r\n", "bad_length"),
	    ROW(POST "Content-Length: +5\r\n\r\n", "bad_length"),
	    ROW(POST "Content-Length: -5\r\n\r\n", "bad_length"),
	    ROW(POST "Content-Length: 05\r\n\r\n", "bad_length"),
	    ROW(POST "Content-Length: 00\r\n\r\n", "bad_length"),
	    ROW(POST "Content-Length: 0x5\r\n\r\n", "bad_length"),
	    ROW(POST "Content-Length: 5 5\r\n\r\n", "bad_length"),
	    ROW(POST "Content-Length: 5, 5\r\n\r\n", "bad_length"),
	    ROW(POST "Content-Length: 5,\r\n\r\n", "bad_length"),
	    ROW(POST "Content-Length: 5.0\r\n\r\n", "bad_length"),
	    ROW(POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", "bad_length"),
	    ROW(POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", "bad_length"),
	    ROW(POST "Content-Length: 1000000000000000000\r\n\r\n", "bad_length"),
	    ROW(POST "Content-Length: 18446744073709551617\r\n\r\n", "bad_length"),
	    ROW(POST "Content-Length: 999999999999999999\r\n\r\n", "ok"));
}

static void
test_transfer_encoding(void)
{
	CHECK(
	    ROW(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
		"length_and_coding"),
	    ROW(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
		"length_and_coding"),
	    ROW(POST "Content-Length: 5\r\nTransfer-Encoding: identity\r\n\r\n",
		"length_and_coding"),
	    ROW("POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n",
		"coding_in_10"),
	    ROW(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
		"bad_coding"),
	    ROW(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
		"bad_coding"),
	    ROW(POST "Transfer-Encoding: chunked, chunked\r\n\r\n", "bad_coding"),
	    ROW(POST "Transfer-Encoding: gzip, chunked\r\n\r\n", "unknown_coding"),
	    ROW(POST "Transfer-Encoding: chunked, gzip\r\n\r\n", "bad_coding"),
	    ROW(POST "Transfer-Encoding: chunked, identity\r\n\r\n", "bad_coding"),
	    ROW(POST "Transfer-Encoding: identity\r\n\r\n", "bad_coding"),
	    ROW(POST "Transfer-Encoding: xchunked\r\n\r\n", "bad_coding"),
	    ROW(POST "Transfer-Encoding: chunkedx\r\n\r\n", "bad_coding"),
	    ROW(POST "Transfer-Encoding: \"chunked\"\r\n\r\n", "bad_coding"),
	    ROW(POST "Transfer-Encoding: chunked;q=1\r\n\r\n", "bad_coding"),
	    ROW(POST "Transfer-Encoding: chunked\xa0\r\n\r\n", "bad_coding"),
	    ROW(POST "Transfer-Encoding: \x0b" "chunked\r\n\r\n", "bad_byte"),
	    ROW(POST "Transfer-Encoding:\r\n\r\n", "bad_coding"),
	    ROW(POST "Transfer-Encoding:chunked\r\n\r\n", "ok"));
}

static void
test_leading_line_is_ignored_once(void)
{
	CHECK(
	    ROW("\r\n" GET HOST "\r\n", "ok"),
	    ROW("\r\n\r\n" GET HOST "\r\n", "bad_request_line"),
	    ROW("\n" GET HOST "\r\n", "bad_line_end"),
	    ROW("\r" GET HOST "\r\n", "bad_line_end"),
	    ROW("\r\n", "more"));
}

static void
test_upgrades_are_ignored(void)
{
	CHECK(
	    ROW(GET HOST "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
		"HTTP2-Settings: AAMAAABk\r\n\r\n", "ok"),
	    ROW(GET HOST "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", "ok"));
}

static void
test_underscores_in_names_frame_nothing(void)
{
	struct head h;

	CHECK(
	    ROW(POST "Content_Length: 5\r\nTransfer_Encoding: chunked\r\n\r\n", "ok"));
	head_open(&h, SLICE_LIT(POST "Content_Length: 5\r\nTransfer_Encoding: chunked\r\n\r\n"),
	    &default_limits);
	CU_ASSERT_FALSE(h.x.req.h1.chunked);
	CU_ASSERT_EQUAL(h.x.req.content_length, 0);
	head_close(&h);
}

static void
test_expectations(void)
{
	CHECK(
	    ROW(POST "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n", "ok"),
	    ROW(POST "Expect: 100-CONTINUE\r\nContent-Length: 1\r\n\r\n", "ok"),
	    ROW(POST "Expect: 200-ok\r\n\r\n", "ok"),
	    ROW(POST "Expect:\r\n\r\n", "ok"),
	    ROW("POST / HTTP/1.0\r\nExpect: 200-ok\r\n\r\n", "ok"));
}

static void
test_every_refusal_has_an_answer(void)
{
	for (int i = HX_ACCEPTED + 1; i < HX_REFUSAL_END; i++) {
		int status = hx_refusal_status((enum hx_refusal)i);

		CU_ASSERT(status >= 400 && status < 600);
		CU_ASSERT(hx_refusal_text((enum hx_refusal)i).len > 0);
	}
}

/* A row without a text answers with RFC 9110's phrase, whatever the Python version
 * makes of the status line. */
static void
test_a_refusal_without_a_text_says_its_phrase(void)
{
	CU_ASSERT_EQUAL(hx_refusal_status(HX_REFUSE_content_too_large), 413);
	CU_ASSERT_TRUE(slice_equal(hx_refusal_text(HX_REFUSE_content_too_large),
	    SLICE_LIT("Content Too Large")));
	CU_ASSERT_TRUE(slice_equal(hx_refusal_text(HX_REFUSE_head_timeout),
	    SLICE_LIT("Request Timeout")));
	CU_ASSERT_TRUE(slice_equal(hx_refusal_text(HX_REFUSE_bad_chunk),
	    SLICE_LIT("Malformed chunk")));
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "test_plain_requests_pass", test_plain_requests_pass },
		{ "test_line_ends_are_crlf", test_line_ends_are_crlf },
		{ "test_folded_fields_are_refused", test_folded_fields_are_refused },
		{ "test_control_bytes_are_refused", test_control_bytes_are_refused },
		{ "test_blanks_around_field_names_are_refused",
		    test_blanks_around_field_names_are_refused },
		{ "test_malformed_field_lines_are_refused",
		    test_malformed_field_lines_are_refused },
		{ "test_versions_other_than_1_0_and_1_1_are_refused",
		    test_versions_other_than_1_0_and_1_1_are_refused },
		{ "test_request_line_has_two_blanks", test_request_line_has_two_blanks },
		{ "test_any_token_is_a_method", test_any_token_is_a_method },
		{ "test_host_is_there_once", test_host_is_there_once },
		{ "test_host_is_a_host", test_host_is_a_host },
		{ "test_target_bytes", test_target_bytes },
		{ "test_target_forms", test_target_forms },
		{ "test_content_length", test_content_length },
		{ "test_transfer_encoding", test_transfer_encoding },
		{ "test_leading_line_is_ignored_once", test_leading_line_is_ignored_once },
		{ "test_upgrades_are_ignored", test_upgrades_are_ignored },
		{ "test_underscores_in_names_frame_nothing",
		    test_underscores_in_names_frame_nothing },
		{ "test_expectations", test_expectations },
		{ "test_every_refusal_has_an_answer", test_every_refusal_has_an_answer },
		{ "test_a_refusal_without_a_text_says_its_phrase",
		    test_a_refusal_without_a_text_says_its_phrase },
		CU_TEST_INFO_NULL,
	};

	return suite_run("http_policy", tests);
}
