/*
 * test_http_head: limits, known fields and the connection's fate, with heads cut
 * anywhere. What is refused for its form is in test_http_policy.c, what a head is
 * taken apart into in test_http_parse.c.
 */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "shm/method.h"
#include "tests/unit/http_fixture.h"
#include "tests/unit/http_limits.h"
#include "tests/unit/suite.h"

static void
test_every_known_field_is_found(void)
{
	static const char *const names[HX_KNOWN_COUNT] = {
		[HX_HOST] = "Host: a",
		[HX_CONTENT_LENGTH] = "Content-Length: 1",
		[HX_TRANSFER_ENCODING] = "Transfer-Encoding: chunked",
		[HX_CONNECTION] = "Connection: a", [HX_EXPECT] = "Expect: 100-continue",
		[HX_UPGRADE] = "Upgrade: websocket", [HX_X_FORWARDED_FOR] = "X-Forwarded-For: a",
		[HX_X_FORWARDED_PROTO] = "X-Forwarded-Proto: a",
	};

	for (int i = 0; i < HX_KNOWN_COUNT; i++) {
		char text[256];
		struct head h;
		int n = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n%s%s\r\n\r\n",
		    i == HX_HOST ? "" : "Host: a\r\n", names[i]);

		head_open(&h, (struct slice){ text, (size_t)n }, &default_limits);
		CU_ASSERT_STRING_EQUAL(h.verdict, "ok");
		CU_ASSERT_EQUAL(h.x.req.count[i], 1);
		CU_ASSERT_EQUAL(h.x.req.first[i], i == HX_HOST ? 0 : 1);
		head_close(&h);
	}
}

static void
test_methods_have_numbers(void)
{
	static const struct {
		const char *name;
		int number;
	} methods[] = {
		{ "DELETE", 0 }, { "GET", 1 }, { "HEAD", 2 }, { "POST", 3 }, { "PUT", 4 },
		{ "OPTIONS", 6 }, { "TRACE", 7 }, { "PATCH", 28 },
		{ "QUERY", SHM_METHOD_QUERY }, { "BREW", SHM_METHOD_OTHER },
		{ "get", SHM_METHOD_OTHER }, { "GETS", SHM_METHOD_OTHER },
		{ "POS", SHM_METHOD_OTHER }, { "PUTCH", SHM_METHOD_OTHER },
	};

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		char text[64];
		struct head h;
		int n = snprintf(text, sizeof(text), "%s / HTTP/1.0\r\n\r\n", methods[i].name);

		head_open(&h, (struct slice){ text, (size_t)n }, &default_limits);
		CU_ASSERT_STRING_EQUAL(h.verdict, "ok");
		CU_ASSERT_EQUAL(h.x.req.method, methods[i].number);
		CU_ASSERT_TRUE(slice_equal(h.x.req.method_name,
		    (struct slice){ methods[i].name, strlen(methods[i].name) }));
		head_close(&h);
	}
}

static void
check_keep_alive(const char *rest, bool want)
{
	char text[256];
	struct head h;
	int n = snprintf(text, sizeof(text), "GET / HTTP/1.%s\r\n\r\n", rest);

	head_open(&h, (struct slice){ text, (size_t)n }, &default_limits);
	CU_ASSERT_STRING_EQUAL(h.verdict, "ok");
	CU_ASSERT_EQUAL(h.x.req.h1.keep_alive, want);
	head_close(&h);
}

static void
test_connection_field(void)
{
	check_keep_alive("1\r\nHost: a", true);
	check_keep_alive("1\r\nHost: a\r\nConnection: keep-alive", true);
	check_keep_alive("1\r\nHost: a\r\nConnection: close", false);
	check_keep_alive("1\r\nHost: a\r\nConnection: Close", false);
	check_keep_alive("1\r\nHost: a\r\nConnection: TE , close", false);
	check_keep_alive("1\r\nHost: a\r\nConnection: keep-alive, close", false);
	check_keep_alive("1\r\nHost: a\r\nConnection: a\r\nConnection: close", false);
	check_keep_alive("1\r\nHost: a\r\nConnection: closed", true);
	check_keep_alive("1\r\nHost: a\r\nConnection: x-close", true);
	check_keep_alive("1\r\nHost: a\r\nX-Connection: close", true);
	check_keep_alive("0", false);
	check_keep_alive("0\r\nConnection: keep-alive", false);
}

/* A head with `fields` more fields of `width` bytes each, into `out`. */
static struct slice
long_head(char *out, size_t line, size_t fields, size_t width)
{
	char *p = out;

	p += sprintf(p, "GET /");
	for (size_t i = (size_t)(p - out) + 9; i < line; i++)
		*p++ = 'a';
	p += sprintf(p, " HTTP/1.1\r\nHost: a\r\n");
	for (size_t i = 0; i < fields; i++) {
		p += sprintf(p, "x: ");
		for (size_t k = 3; k < width; k++)
			*p++ = 'v';
		p += sprintf(p, "\r\n");
	}
	p += sprintf(p, "\r\n");
	return (struct slice){ out, (size_t)(p - out) };
}

static void
test_limits(void)
{
	static const struct hx_limits small = {
		.line = 40, .field = 50, .fields = 4, .head = 200
	};
	static char room[200 * 1024];

	CU_ASSERT_STRING_EQUAL(head_verdict_limited(long_head(room, 40, 0, 0), &small), "ok");
	CU_ASSERT_STRING_EQUAL(head_verdict_limited(long_head(room, 41, 0, 0), &small),
	    "line_too_long");
	CU_ASSERT_STRING_EQUAL(head_verdict_limited(long_head(room, 40, 3, 10), &small), "ok");
	CU_ASSERT_STRING_EQUAL(head_verdict_limited(long_head(room, 40, 4, 10), &small),
	    "too_many_fields");
	CU_ASSERT_STRING_EQUAL(head_verdict_limited(long_head(room, 40, 1, 50), &small), "ok");
	CU_ASSERT_STRING_EQUAL(head_verdict_limited(long_head(room, 40, 1, 51), &small),
	    "field_too_long");
	CU_ASSERT_STRING_EQUAL(head_verdict_limited(long_head(room, 40, 3, 49), &small),
	    "head_too_large");
}

/* What nobody has configured: 64 KiB for the whole head, however it is made up. */
static void
test_usual_limits(void)
{
	static const struct {
		size_t line, fields, width;
		const char *want;
	} heads[] = {
		{ 10000, 0, 0, "ok" },
		{ 65523, 0, 0, "ok" },
		{ 65524, 0, 0, "head_too_large" },
		{ 65534, 0, 0, "head_too_large" },
		{ 65535, 0, 0, "line_too_long" },
		{ 70000, 0, 0, "line_too_long" },
		{ 40, 1, 9000, "ok" },
		{ 40, 1, 65481, "ok" },
		{ 40, 1, 65482, "head_too_large" },
		{ 40, 1, 70000, "head_too_large" },
		{ 40, 150, 20, "ok" },
		{ 40, 999, 20, "ok" },
		{ 40, 1000, 20, "too_many_fields" },
		{ 40, 90, 1000, "head_too_large" },
	};
	static char room[200 * 1024];

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		const char *got = head_verdict_limited(long_head(room, heads[i].line,
		    heads[i].fields, heads[i].width), &default_limits);

		CU_ASSERT_STRING_EQUAL(got, heads[i].want);
		if (strcmp(got, heads[i].want) != 0)
			printf("\n  row %zu: %s", i, got);
	}
}

/* As many as may be set: the array has grown several times, every field is there. */
static void
test_fields_without_number(void)
{
	static const struct hx_limits most = {
		.line = 100, .field = 100, .fields = HX_MAX_HEADERS, .head = 1024 * 1024
	};
	static char room[1024 * 1024];
	struct head h;

	head_open(&h, long_head(room, 40, HX_MAX_HEADERS - 1, 20), &most);
	CU_ASSERT_STRING_EQUAL_FATAL(h.verdict, "ok");
	CU_ASSERT_EQUAL(h.x.req.n_headers, HX_MAX_HEADERS);
	CU_ASSERT_TRUE(slice_equal(head_field(&h, "host"), SLICE_LIT("a")));
	for (unsigned i = 1; i < h.x.req.n_headers; i++)
		CU_ASSERT_EQUAL(h.x.req.headers[i].value.len, 17);
	head_close(&h);
}

/* Occurrences are counted further than 256: the 257th Host is none the less one too many. */
static void
test_a_field_repeated_often_is_repeated(void)
{
	static const char *const fields[] = { "Host: a\r\n", "Content-Length: 1\r\n" };
	static char room[64 * 1024];

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		char *p = room + sprintf(room, "GET / HTTP/1.1\r\n%s", i == 0 ? "" : fields[0]);

		for (int k = 0; k < 257; k++)
			p += sprintf(p, "%s", fields[i]);
		p += sprintf(p, "\r\n");
		CU_ASSERT_STRING_EQUAL(head_verdict((struct slice){ room, (size_t)(p - room) }),
		    i == 0 ? "bad_host" : "bad_length");
	}
}

/* A head without an end is refused when a limit is reached, not later. */
static void
test_endless_heads_are_refused(void)
{
	static char room[70000];
	const struct hx_limits *usual = &default_limits;
	struct slice bytes = { room, sizeof(room) };

	memset(room, 'A', sizeof(room));
	CU_ASSERT_STRING_EQUAL(head_verdict_limited(bytes, usual), "bad_method");
	bytes.len = 64;
	CU_ASSERT_STRING_EQUAL(head_verdict_limited(bytes, usual), "more");
	bytes.len = sizeof(room);
	memcpy(room, "GET /", 5);
	CU_ASSERT_STRING_EQUAL(head_verdict_limited(bytes, usual), "line_too_long");
	bytes.len = 65536;
	CU_ASSERT_STRING_EQUAL(head_verdict_limited(bytes, usual), "more");
	bytes.len = sizeof(room);
	memcpy(room, "GET / HTTP/1.1\r\n", 16);
	CU_ASSERT_STRING_EQUAL(head_verdict_limited(bytes, usual), "head_too_large");
	for (size_t i = 16; i + 20 <= sizeof(room); i += 20)
		memcpy(room + i, "A: aaaaaaaaaaaaaaa\r\n", 20);
	CU_ASSERT_STRING_EQUAL(head_verdict_limited(bytes, usual), "too_many_fields");
}

/* A line is judged when it is there, whether or not the head ever ends. */
static void
test_incomplete_heads_are_judged_as_they_come(void)
{
	static const struct {
		struct slice bytes;
		const char *want;
	} heads[] = {
		{ SLICE_LIT("GET / HTTP/1.1\rHost: a\r\r"), "bad_line_end" },
		{ SLICE_LIT("GET / HTTP/1.1\r\nHost: a\r\nX: y\x01"), "bad_byte" },
		{ SLICE_LIT("GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n"), "bad_field" },
		{ SLICE_LIT("GET / HTTP/3.0\r\n"), "bad_version" },
		{ SLICE_LIT("GET\r\nX"), "bad_request_line" },
		{ SLICE_LIT("CONNECT a:1 HTTP/1.1\r\n"), "connect" },
		{ SLICE_LIT("GET / HTTP/1.1\r\nHost: a\r"), "more" },
		{ SLICE_LIT("GET / HTTP/1.1\r\nHost: a\r\nX: y"), "more" },
		{ SLICE_LIT("GET"), "more" },
		{ SLICE_LIT("\r"), "more" },
	};

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		CU_ASSERT_STRING_EQUAL(head_verdict(heads[i].bytes), heads[i].want);
}

/* What an incomplete head costs does not grow with the number of pieces. */
static void
test_slow_heads_are_searched_once(void)
{
	static char room[200 * 1024];
	struct slice bytes = long_head(room, 4000, 50, 1000);
	enum hx_refusal why;
	struct hx_exchange x;
	size_t scanned = 0;
	int used = 0;

	hx_exchange_init(&x, NULL, NULL);
	for (size_t len = 1; len <= bytes.len && used == 0; len++) {
		used = hx_parse_head(&x, room, len, &scanned, &default_limits, &why);
		if (used == 0 && len > 2)
			CU_ASSERT_EQUAL_FATAL(scanned, len);
	}
	CU_ASSERT_EQUAL(used, (int)bytes.len);
	hx_exchange_fini(&x);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "test_every_known_field_is_found", test_every_known_field_is_found },
		{ "test_methods_have_numbers", test_methods_have_numbers },
		{ "test_connection_field", test_connection_field },
		{ "test_limits", test_limits },
		{ "test_usual_limits", test_usual_limits },
		{ "test_fields_without_number", test_fields_without_number },
		{ "test_a_field_repeated_often_is_repeated",
		    test_a_field_repeated_often_is_repeated },
		{ "test_endless_heads_are_refused", test_endless_heads_are_refused },
		{ "test_incomplete_heads_are_judged_as_they_come",
		    test_incomplete_heads_are_judged_as_they_come },
		{ "test_slow_heads_are_searched_once", test_slow_heads_are_searched_once },
		CU_TEST_INFO_NULL,
	};

	return suite_run("http_head", tests);
}
