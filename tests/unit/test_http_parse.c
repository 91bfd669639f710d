/*
 * Request heads: what is read out of them, what is refused, and that neither
 * depends on how the bytes were cut. Vectors follow the request smuggling and
 * parser advisories of other servers; each row names
 * what it shows.
 */
#include <CUnit/Basic.h>
#include <stdlib.h>

#include "http/field.h"
#include "http/parse.h"
#include "tests/unit/http_limits.h"
#include "tests/unit/suite.h"

static struct hx_exchange x;

static struct slice
text(const char *s)
{
	return (struct slice){ s, strlen(s) };
}

#define CHECK_SLICE(got, want) CU_ASSERT_TRUE(slice_equal((got), text(want)))

/* Parse a copy that stays until the next call. HX_ACCEPTED: served or incomplete. */
static enum hx_refusal
parse(struct slice bytes, int *used)
{
	static char *copy;
	enum hx_refusal why = HX_ACCEPTED;
	size_t scanned = 0;

	free(copy);
	copy = malloc(bytes.len + 1);	/* exact enough for a sanitizer to watch */
	CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
	memcpy(copy, bytes.ptr, bytes.len);
	hx_exchange_reset(&x);
	*used = hx_parse_head(&x, copy, bytes.len, &scanned, &default_limits, &why);
	CU_ASSERT_EQUAL(*used < 0, why != HX_ACCEPTED);
	return why;
}

struct vector {
	const char *shows;
	struct slice bytes;
	int status;		/* 0: served */
};

/* LINE: a request line with a Host; FIELD: a field of a good POST. */
#define V(shows, status, s) { shows, { s, sizeof(s) - 1 }, status }
#define LINE(shows, status, s) V(shows, status, s "\r\nHost: a\r\n\r\n")
#define FIELD(shows, status, s) V(shows, status, "POST / HTTP/1.1\r\nHost: a\r\n" s "\r\n\r\n")
#define TEN "GETGETGETG"
#define HOST(shows, status, s) V(shows, status, "GET / HTTP/1.1\r\n" s "\r\n")

static const struct vector vectors[] = {
	/* 1: line ends, folds, control bytes */
	V("bare LF everywhere", 400, "GET / HTTP/1.1\nHost: a\n\n"),
	V("bare LF behind the request line", 400, "GET / HTTP/1.1\nHost: a\r\n\r\n"),
	V("bare LF behind a field", 400, "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"),
	V("bare LF as the blank line", 400, "GET / HTTP/1.1\r\nHost: a\r\n\n"),
	FIELD("obs-fold with a blank", 400, "X: a\r\n b"),
	FIELD("obs-fold with a tab", 400, "X: a\r\n\tb"),
	FIELD("fold before the first field's colon", 400, " X: a"),
	FIELD("bare CR in a value", 400, "X: a\rb"),
	FIELD("bare CR before CRLF", 400, "X: a\r"),
	FIELD("CR in a name", 400, "X\r: a"),
	FIELD("NUL in a value", 400, "X: a\0b"),
	FIELD("NUL in a name", 400, "X\0: a"),
	LINE("NUL in the target", 400, "GET /\0 HTTP/1.1"),
	/* 2, 3: colons */
	FIELD("blank before the colon", 400, "X : a"),
	FIELD("tab before the colon", 400, "X\t: a"),
	FIELD("blank before Content-Length's colon", 400, "Content-Length : 3"),
	FIELD("blank before Transfer-Encoding's colon", 400, "Transfer-Encoding : chunked"),
	FIELD("no colon", 400, "X"),
	FIELD("empty name", 400, ": a"),
	FIELD("blank in a name", 400, "X Y: a"),
	FIELD("high byte in a name", 400, "X\xE9: a"),
	FIELD("parenthesis in a name", 400, "X(y): a"),
	/* 4: versions */
	LINE("HTTP/0.9", 505, "GET / HTTP/0.9"),
	LINE("HTTP/1.2 is served as 1.1", 0, "GET / HTTP/1.2"),
	V("HTTP/1.2 wants a Host", 400, "GET / HTTP/1.2\r\n\r\n"),
	LINE("HTTP/2.0", 505, "GET / HTTP/2.0"),
	LINE("HTTP/9.9", 505, "GET / HTTP/9.9"),
	LINE("HTTP/1.10", 400, "GET / HTTP/1.10"),
	LINE("lower case http/1.1", 400, "GET / http/1.1"),
	LINE("the HTTP/2 preface", 505, "PRI * HTTP/2.0"),
	V("a bare HTTP/0.9 line", 400, "GET /\r\n\r\n"),
	/* 5: the request line's blanks */
	LINE("two blanks behind the method", 400, "GET  / HTTP/1.1"),
	LINE("two blanks before the version", 400, "GET /  HTTP/1.1"),
	LINE("blank behind the version", 400, "GET / HTTP/1.1 "),
	LINE("blank before the method", 400, " GET / HTTP/1.1"),
	LINE("blank in the target", 400, "GET /a b HTTP/1.1"),
	LINE("tab for a blank", 400, "GET\t/ HTTP/1.1"),
	LINE("no target", 400, "GET  HTTP/1.1"),
	/* 6: Host */
	HOST("no Host in 1.1", 400, "X: a\r\n"),
	HOST("two Hosts", 400, "Host: a\r\nHost: b\r\n"),
	HOST("two equal Hosts", 400, "Host: a\r\nhost: a\r\n"),
	HOST("empty Host", 0, "Host:\r\n"),
	HOST("comma in Host", 400, "Host: a,b\r\n"),
	HOST("userinfo in Host", 400, "Host: u@a\r\n"),
	HOST("path in Host", 400, "Host: a/b\r\n"),
	HOST("query in Host", 400, "Host: a?b\r\n"),
	HOST("backslash in Host", 400, "Host: a\\b\r\n"),
	HOST("blank in Host", 400, "Host: a b\r\n"),
	HOST("port that is no number", 400, "Host: a:b\r\n"),
	HOST("a port alone", 0, "Host: :80\r\n"),
	HOST("port with leading zeros", 0, "Host: a:000080\r\n"),
	HOST("port of six digits", 0, "Host: a:123456\r\n"),
	HOST("IPv6 with a zone", 400, "Host: [fe80::1%eth0]\r\n"),
	HOST("two ports", 400, "Host: a:1:2\r\n"),
	HOST("open bracket", 400, "Host: [::1\r\n"),
	HOST("bytes behind a bracket", 400, "Host: [::1]a\r\n"),
	HOST("IPv6 with a port", 0, "Host: [::1]:80\r\n"),
	HOST("name with a port", 0, "Host: a_b.example:8000\r\n"),
	V("no Host in 1.0", 0, "GET / HTTP/1.0\r\n\r\n"),
	LINE("absolute form of the same host", 0, "GET http://a/x HTTP/1.1"),
	LINE("absolute form in other case", 0, "GET HTTP://A/x HTTP/1.1"),
	LINE("absolute form of another host", 0, "GET http://b/x HTTP/1.1"),
	LINE("absolute form with userinfo", 400, "GET http://u@a/x HTTP/1.1"),
	LINE("absolute form without a host", 400, "GET http:///x HTTP/1.1"),
	LINE("absolute form with a port alone", 400, "GET http://:80/x HTTP/1.1"),
	V("absolute form and two Hosts", 400, "GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
	V("absolute form and no Host in 1.1", 400, "GET http://a/ HTTP/1.1\r\n\r\n"),
	V("absolute form and no Host in 1.0", 0, "GET http://a/ HTTP/1.0\r\n\r\n"),
	LINE("another scheme", 400, "GET ftp://a/x HTTP/1.1"),
	/* 7: targets and methods */
	LINE("asterisk with OPTIONS", 0, "OPTIONS * HTTP/1.1"),
	LINE("asterisk with GET", 400, "GET * HTTP/1.1"),
	LINE("CONNECT", 405, "CONNECT a:80 HTTP/1.1"),
	LINE("CONNECT without a port", 405, "CONNECT a HTTP/1.1"),
	LINE("CONNECT of a path", 405, "CONNECT / HTTP/1.1"),
	LINE("fragment behind a path", 400, "GET /#f HTTP/1.1"),
	LINE("fragment with a query in it", 400, "GET /#f?a HTTP/1.1"),
	LINE("fragment behind a query", 0, "GET /?a#f#? HTTP/1.1"),
	LINE("high byte in a fragment", 400, "GET /?a#\xC3 HTTP/1.1"),
	LINE("backslash", 0, "GET /\\?\\ HTTP/1.1"),
	LINE("relative target", 400, "GET x HTTP/1.1"),
	LINE("high byte in the target", 400, "GET /\xC3\xA9 HTTP/1.1"),
	LINE("DEL in the target", 400, "GET /\x7F HTTP/1.1"),
	LINE("broken percent", 0, "GET /%4 HTTP/1.1"),
	LINE("percent without hex", 0, "GET /%zz HTTP/1.1"),
	LINE("percent at the end", 0, "GET /% HTTP/1.1"),
	LINE("encoded NUL", 0, "GET /%00 HTTP/1.1"),
	LINE("encoded LF", 0, "GET /%0a HTTP/1.1"),
	LINE("encoded CR", 0, "GET /?%0D HTTP/1.1"),
	LINE("QUERY", 0, "QUERY / HTTP/1.1"),
	LINE("any token is a method", 0, "FOO / HTTP/1.1"),
	LINE("so is one that begins with no letter", 0, "!#$%&'*+-.^_`|~1 / HTTP/1.1"),
	LINE("method in lower case", 0, "get / HTTP/1.1"),
	LINE("a method that goes on behind a known one", 0, "GETS / HTTP/1.1"),
	LINE("64 bytes of method", 0, TEN TEN TEN TEN TEN TEN "GETS / HTTP/1.1"),
	LINE("65 bytes of method", 501, TEN TEN TEN TEN TEN TEN "QUERY / HTTP/1.1"),
	LINE("a long method before a bad version", 501, TEN TEN TEN TEN TEN TEN TEN " / HTTP/9"),
	LINE("a long method before a bad byte", 501, TEN TEN TEN TEN TEN TEN TEN "\x01 / HTTP/1.1"),
	LINE("no method", 400, " / HTTP/1.1"),
	LINE("a delimiter in a method", 400, "GE,T / HTTP/1.1"),
	LINE("a high byte in a method", 400, "G\xC9T / HTTP/1.1"),
	LINE("a relative target of an unknown method", 400, "FOO x HTTP/1.1"),
	LINE("two blanks behind an unknown method", 400, "FOO  / HTTP/1.1"),
	/* 8: Content-Length */
	FIELD("a length", 0, "Content-Length: 5"),
	FIELD("blanks around a length", 0, "Content-Length: \t 5 \t"),
	FIELD("zero", 0, "Content-Length: 0"),
	FIELD("eighteen digits", 0, "Content-Length: 100000000000000000"),
	FIELD("nineteen digits", 400, "Content-Length: 1000000000000000000"),
	FIELD("overflow", 400, "Content-Length: 18446744073709551621"),
	FIELD("leading zero", 400, "Content-Length: 05"),
	FIELD("plus", 400, "Content-Length: +5"),
	FIELD("minus", 400, "Content-Length: -5"),
	FIELD("hex", 400, "Content-Length: 0x5"),
	FIELD("blank inside", 400, "Content-Length: 5 5"),
	FIELD("list", 400, "Content-Length: 5, 5"),
	FIELD("empty length", 400, "Content-Length:"),
	FIELD("repeated although equal", 400, "Content-Length: 5\r\nContent-Length: 5"),
	FIELD("repeated and different", 400, "Content-Length: 5\r\ncontent-length: 6"),
	/* 9: Transfer-Encoding */
	FIELD("chunked", 0, "Transfer-Encoding: chunked"),
	FIELD("chunked in capitals", 0, "Transfer-Encoding: CHUNKED"),
	FIELD("with a length behind", 400, "Transfer-Encoding: chunked\r\nContent-Length: 5"),
	FIELD("with a length before", 400, "Content-Length: 5\r\nTransfer-Encoding: chunked"),
	FIELD("chunked twice", 400, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
	FIELD("chunked, chunked", 400, "Transfer-Encoding: chunked, chunked"),
	FIELD("gzip, chunked", 501, "Transfer-Encoding: gzip, chunked"),
	FIELD("the same in two fields", 501, "Transfer-Encoding: gzip\r\nX: y\r\nTransfer-Encoding: chunked"),
	FIELD("chunked, gzip", 400, "Transfer-Encoding: chunked, gzip"),
	FIELD("the same in two fields", 400, "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip"),
	FIELD("chunked, gzip, chunked", 400, "Transfer-Encoding: chunked, gzip, chunked"),
	FIELD("gzip", 400, "Transfer-Encoding: gzip"),
	FIELD("a coding without a name", 400, "Transfer-Encoding: ,chunked"),
	FIELD("the same at the end", 400, "Transfer-Encoding: chunked,"),
	FIELD("an empty field before", 400, "Transfer-Encoding:\r\nTransfer-Encoding: chunked"),
	FIELD("identity", 400, "Transfer-Encoding: identity"),
	FIELD("xchunked", 400, "Transfer-Encoding: xchunked"),
	FIELD("quoted", 400, "Transfer-Encoding: \"chunked\""),
	FIELD("empty coding", 400, "Transfer-Encoding:"),
	FIELD("vertical tab before chunked", 400, "Transfer-Encoding: \vchunked"),
	V("coding in 1.0", 400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
	/* 13: control bytes in values */
	FIELD("a tab is fine", 0, "X: a\tb"),
	FIELD("high bytes are fine", 0, "X: \xC3\xA9"),
	FIELD("a control byte begins the value", 400, "X: \x01" "a"),
	FIELD("BEL", 400, "X: a\x07"),
	FIELD("DEL", 400, "X: a\x7F"),
	/* 14: CRLF before the request line */
	V("one CRLF before", 0, "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
	V("two CRLF before", 400, "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
	V("a bare LF before", 400, "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
	/* 15, 16 and others */
	FIELD("an upgrade is ignored", 0, "Connection: upgrade\r\nUpgrade: h2c"),
	FIELD("underscore is no framing", 0, "Content_Length: 5\r\nContent-Length: 6"),
	FIELD("an empty value", 0, "X:"),
	FIELD("100-continue", 0, "Expect: 100-Continue"),
	FIELD("another expectation", 0, "Expect: tea"),
	FIELD("an empty expectation", 0, "Expect:"),
	V("a GET with content", 0, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n"),
};

static void
vectors_have_their_verdicts(void)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vector *v = &vectors[i];
		enum hx_refusal why;
		int used, got;

		why = parse(v->bytes, &used);
		got = why != HX_ACCEPTED ? hx_refusal_status(why) : 0;
		if (got != v->status || (got == 0 && (size_t)used != v->bytes.len)) {
			printf("\n  %s: %d, not %d (used %d)", v->shows, got, v->status, used);
			CU_FAIL("verdict");
		}
	}
}

/* Byte by byte: incomplete until the last, then the verdict of the whole. */
static void
cutting_changes_nothing(void)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vector *v = &vectors[i];
		enum hx_refusal why = HX_ACCEPTED;
		char *copy = malloc(v->bytes.len);
		size_t scanned = 0;
		int used = 0;

		CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
		memcpy(copy, v->bytes.ptr, v->bytes.len);
		hx_exchange_reset(&x);
		for (size_t len = 1; len <= v->bytes.len && used == 0; len++)
			used = hx_parse_head(&x, copy, len, &scanned, &default_limits, &why);
		CU_ASSERT_EQUAL(v->status, why != HX_ACCEPTED ? hx_refusal_status(why) : 0);
		if (v->status == 0)
			CU_ASSERT_EQUAL((size_t)used, v->bytes.len);
		free(copy);
	}
}

static void
a_request_is_taken_apart(void)
{
	static const char head[] = "GET /items/a%20b?q=1&r=%41 HTTP/1.1\r\n"
	    "HOST: a:80\r\nX-Empty:\r\nConnection: \t te \t\r\nconnection: keep-alive\r\n"
	    "Content-Type: text/plain\r\n\r\nrest";
	int used;

	CU_ASSERT_EQUAL(HX_ACCEPTED, parse(text(head), &used));
	CU_ASSERT_EQUAL((size_t)used, strlen(head) - strlen("rest"));
	CHECK_SLICE(x.req.method_name, "GET");
	CU_ASSERT_EQUAL(x.req.method, 1);
	CU_ASSERT_EQUAL(x.req.h1.minor, 1);
	CHECK_SLICE(x.req.target, "/items/a%20b?q=1&r=%41");
	CHECK_SLICE(x.req.raw_path, "/items/a%20b");
	CHECK_SLICE(x.req.path, "/items/a b");
	CHECK_SLICE(x.req.query, "q=1&r=%41");
	CU_ASSERT_EQUAL_FATAL(x.req.n_headers, 5);
	CHECK_SLICE(x.req.headers[0].name, "host");
	CHECK_SLICE(x.req.headers[0].value, "a:80");
	CHECK_SLICE(x.req.headers[1].name, "x-empty");
	CHECK_SLICE(x.req.headers[1].value, "");
	CU_ASSERT_EQUAL(x.req.first[HX_CONNECTION], 2);
	CU_ASSERT_EQUAL(x.req.count[HX_CONNECTION], 2);
	CHECK_SLICE(hx_exchange_known(&x, HX_CONNECTION), "te");
	CU_ASSERT_PTR_NULL(hx_exchange_known(&x, HX_EXPECT).ptr);
	CU_ASSERT_TRUE(x.req.h1.keep_alive);
}

static void
a_plain_path_takes_no_memory(void)
{
	int used;

	CU_ASSERT_EQUAL(HX_ACCEPTED, parse(text("GET /items/1?q=%20 HTTP/1.1\r\nHost: a\r\n\r\n"), &used));
	CU_ASSERT_PTR_EQUAL(x.req.path.ptr, x.req.raw_path.ptr);
}

static void
targets_are_split(void)
{
	int used;

	CU_ASSERT_EQUAL(HX_ACCEPTED, parse(text("GET http://a?x HTTP/1.1\r\nHost: a\r\n\r\n"), &used));
	CHECK_SLICE(x.req.path, "/");
	CHECK_SLICE(x.req.query, "x");
	CU_ASSERT_EQUAL(HX_ACCEPTED, parse(text("GET HTTPS://a HTTP/1.1\r\nHost: a\r\n\r\n"), &used));
	CHECK_SLICE(x.req.raw_path, "/");
	CU_ASSERT_EQUAL(HX_ACCEPTED, parse(text("GET /a?b?c HTTP/1.1\r\nHost: a\r\n\r\n"), &used));
	CHECK_SLICE(x.req.query, "b?c");
	CU_ASSERT_EQUAL(HX_ACCEPTED, parse(text("GET //a/../b HTTP/1.1\r\nHost: a\r\n\r\n"), &used));
	CHECK_SLICE(x.req.path, "//a/../b");
}

/* Each with what the application sees of it. */
static void
odd_targets_are_read_as_by_uvicorn(void)
{
	static const struct {
		const char *target, *raw_path, *path, *query;
	} rows[] = {
		{ "/100%?100%", "/100%", "/100%", "100%" },
		{ "/%zz%u20AC%4", "/%zz%u20AC%4", "/%zz%u20AC%4", "" },
		{ "/%41%4%zz%42", "/%41%4%zz%42", "/A%4%zzB", "" },
		{ "/a%0D%0Ab", "/a%0D%0Ab", "/a\r\nb", "" },
		{ "/a\\b?c\\d", "/a\\b", "/a\\b", "c\\d" },
		{ "/a?b#c?d#e", "/a", "/a", "b" },
		{ "/a?#", "/a", "/a", "" },
		{ "http://b:1/c?d#e", "/c", "/c", "d" },
		{ "/%FF%C3%A9", "/%FF%C3%A9", "/\xEF\xBF\xBD\xC3\xA9", "" },
	};
	char text_[256];
	int used;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int n = snprintf(text_, sizeof(text_), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n",
		    rows[i].target);

		CU_ASSERT_EQUAL_FATAL(HX_ACCEPTED, parse((struct slice){ text_, (size_t)n }, &used));
		CHECK_SLICE(x.req.raw_path, rows[i].raw_path);
		CHECK_SLICE(x.req.path, rows[i].path);
		CHECK_SLICE(x.req.query, rows[i].query);
	}
	CU_ASSERT_EQUAL(HX_ACCEPTED, parse(text("GET /a%00b HTTP/1.0\r\n\r\n"), &used));
	CU_ASSERT_TRUE(slice_equal(x.req.path, SLICE_LIT("/a\0b")));
}

static void
the_target_names_the_host(void)
{
	int used;

	CU_ASSERT_EQUAL(HX_ACCEPTED, parse(text("GET http://b:80/ HTTP/1.1\r\nX: y\r\nHost: a\r\n\r\n"),
	    &used));
	CU_ASSERT_EQUAL(x.req.n_headers, 2);
	CHECK_SLICE(x.req.headers[1].value, "b:80");
	CHECK_SLICE(hx_exchange_known(&x, HX_HOST), "b:80");
	CU_ASSERT_EQUAL(HX_ACCEPTED, parse(text("GET http://b/ HTTP/1.0\r\nX: y\r\n\r\n"), &used));
	CU_ASSERT_EQUAL_FATAL(x.req.n_headers, 2);
	CHECK_SLICE(x.req.headers[1].name, "host");
	CHECK_SLICE(x.req.headers[1].value, "b");
	CU_ASSERT_EQUAL(HX_ACCEPTED, parse(text("GET /b HTTP/1.1\r\nHost:\r\n\r\n"), &used));
	CHECK_SLICE(hx_exchange_known(&x, HX_HOST), "");
}

static void
only_100_continue_is_waited_for(void)
{
	static const struct {
		const char *fields;
		bool expects;
	} rows[] = {
		{ "Expect: 100-continue\r\n", true }, { "Expect: 100-Continue\r\n", true },
		{ "Expect: tea\r\nExpect: 100-continue\r\n", true }, { "Expect:\r\n", false },
		{ "Expect: tea\r\n", false }, { "Expect: 100-continue, tea\r\n", false },
		{ "", false },
	};
	char text_[256];
	int used;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text_, sizeof(text_), "PUT / HTTP/1.1\r\nHost: a\r\n%s\r\n", rows[i].fields);
		CU_ASSERT_EQUAL(HX_ACCEPTED, parse(text(text_), &used));
		CU_ASSERT_EQUAL(x.req.expect_continue, rows[i].expects);
	}
	CU_ASSERT_EQUAL(HX_ACCEPTED, parse(text("PUT / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n"), &used));
	CU_ASSERT_FALSE(x.req.expect_continue);
}

static void
keep_alive_follows_version_and_field(void)
{
	int used;

	CU_ASSERT_EQUAL(HX_ACCEPTED, parse(text("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
	    &used));
	CU_ASSERT_FALSE(x.req.h1.keep_alive);
	CU_ASSERT_EQUAL(HX_ACCEPTED, parse(text("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n"),
	    &used));
	CU_ASSERT_FALSE(x.req.h1.keep_alive);
	CU_ASSERT_EQUAL(HX_ACCEPTED, parse(text("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), &used));
	CU_ASSERT_FALSE(x.req.h1.keep_alive);
	CU_ASSERT_EQUAL(x.req.h1.minor, 0);
}

static void
framing_is_read_afresh_for_each_request(void)
{
	int used;

	CU_ASSERT_EQUAL(HX_ACCEPTED, parse(text("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n"), &used));
	CU_ASSERT_TRUE(x.req.h1.chunked);
	CU_ASSERT_TRUE(x.req.expect_continue);
	CU_ASSERT_EQUAL(HX_ACCEPTED, parse(text("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n"),
	    &used));
	CU_ASSERT_FALSE(x.req.h1.chunked);
	CU_ASSERT_FALSE(x.req.expect_continue);
	CU_ASSERT_EQUAL(x.req.content_length, 12);
	CU_ASSERT_EQUAL(HX_ACCEPTED, parse(text("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), &used));
	CU_ASSERT_EQUAL(x.req.content_length, 0);
}

/* "GET /aaa... HTTP/1.1" with a line of `line` bytes and fields as asked. */
static char *
long_head(size_t line, unsigned fields, size_t value)
{
	size_t cap = line + (fields + 1) * (value + 16) + 64, n;
	char *s = malloc(cap);

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	n = (size_t)snprintf(s, cap, "GET /");
	while (n < line - 9)
		s[n++] = 'a';
	n += (size_t)snprintf(s + n, cap - n, " HTTP/1.1\r\nHost: a\r\n");
	for (unsigned i = 1; i < fields; i++) {
		n += (size_t)snprintf(s + n, cap - n, "x: ");
		memset(s + n, 'v', value);
		n += value;
		n += (size_t)snprintf(s + n, cap - n, "\r\n");
	}
	snprintf(s + n, cap - n, "\r\n");
	return s;
}

static int
long_status(size_t line, unsigned fields, size_t value)
{
	char *s = long_head(line, fields, value);
	enum hx_refusal why;
	int used;

	why = parse(text(s), &used);
	free(s);
	return why != HX_ACCEPTED ? hx_refusal_status(why) : 0;
}

static void
limits_hold(void)
{
	CU_ASSERT_EQUAL(long_status(65000, 2, 1), 0);
	CU_ASSERT_EQUAL(long_status(65537, 2, 1), 414);
	CU_ASSERT_EQUAL(long_status(100, 1000, 1), 0);
	CU_ASSERT_EQUAL(long_status(100, 1001, 1), 431);
	CU_ASSERT_EQUAL(long_status(100, 2, 65000), 0);
	CU_ASSERT_EQUAL(long_status(100, 2, 65537), 431);
	CU_ASSERT_EQUAL(long_status(100, 9, 8000), 0);
	CU_ASSERT_EQUAL(long_status(100, 10, 8000), 431);
}

/* A head that never ends is refused as soon as it is too long. */
static void
endless_heads_are_refused_early(void)
{
	char *s = malloc(70000);
	enum hx_refusal why = HX_ACCEPTED;
	size_t scanned = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	memset(s, 'a', 70000);
	memcpy(s, "GET /", 5);
	CU_ASSERT_EQUAL(hx_parse_head(&x, s, 8000, &scanned, &default_limits, &why), 0);
	CU_ASSERT_EQUAL(hx_parse_head(&x, s, 65537, &scanned, &default_limits, &why), -1);
	CU_ASSERT_EQUAL(hx_refusal_status(why), 414);
	memcpy(s, "GET / HTTP/1.1\r\n", 16);
	scanned = 0;
	CU_ASSERT_EQUAL(hx_parse_head(&x, s, 65537, &scanned, &default_limits, &why), -1);
	CU_ASSERT_EQUAL(hx_refusal_status(why), 431);
	for (size_t i = 1016; i < 70000; i += 1000)
		memcpy(s + i, "\r\na:", 4);
	memcpy(s + 16, "a:", 2);
	scanned = 0;
	CU_ASSERT_EQUAL(hx_parse_head(&x, s, 65536, &scanned, &default_limits, &why), 0);
	CU_ASSERT_EQUAL(scanned, 65536);
	CU_ASSERT_EQUAL(hx_parse_head(&x, s, 65537, &scanned, &default_limits, &why), -1);
	CU_ASSERT_EQUAL(hx_refusal_status(why), 431);
	free(s);
}

/* The check goes eight bytes at a time; no place may hide a byte. */
static void
every_byte_of_a_value_is_looked_at(void)
{
	char value[20];

	for (size_t len = 1; len <= sizeof(value); len++)
		for (size_t at = 0; at < len; at++)
			for (int c = 0; c < 256; c++) {
				bool good = (c >= 0x20 && c != 0x7F) || c == '\t';

				memset(value, at % 2 == 0 ? '\t' : 0xFF, len);
				value[at] = (char)c;
				CU_ASSERT_EQUAL(hx_field_value_ok((struct slice){ value, len }), good);
			}
}

static void
the_next_request_is_left_alone(void)
{
	int used;

	CU_ASSERT_EQUAL(HX_ACCEPTED,
	    parse(text("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\n"), &used));
	CU_ASSERT_EQUAL(used, 27);
	CU_ASSERT_EQUAL(x.req.n_headers, 1);
	/* Content that looks like anything is not the parser's business. */
	CU_ASSERT_EQUAL(HX_ACCEPTED,
	    parse(text("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n\n\r\n"),
	    &used));
	CU_ASSERT_EQUAL(used, 47);
}

int
main(void)
{
	static CU_TestInfo tests[] = {
		{ "vectors have their verdicts", vectors_have_their_verdicts },
		{ "cutting changes nothing", cutting_changes_nothing },
		{ "a request is taken apart", a_request_is_taken_apart },
		{ "a plain path takes no memory", a_plain_path_takes_no_memory },
		{ "targets are split", targets_are_split },
		{ "odd targets are read as by uvicorn", odd_targets_are_read_as_by_uvicorn },
		{ "the target names the host", the_target_names_the_host },
		{ "only 100-continue is waited for", only_100_continue_is_waited_for },
		{ "keep-alive follows version and field", keep_alive_follows_version_and_field },
		{ "framing is read afresh for each request",
		    framing_is_read_afresh_for_each_request },
		{ "limits hold", limits_hold },
		{ "endless heads are refused early", endless_heads_are_refused_early },
		{ "every byte of a value is looked at", every_byte_of_a_value_is_looked_at },
		{ "the next request is left alone", the_next_request_is_left_alone },
		CU_TEST_INFO_NULL
	};
	int status;

	hx_exchange_init(&x, NULL, NULL);
	status = suite_run("http/parse", tests);
	hx_exchange_fini(&x);
	return status;
}
