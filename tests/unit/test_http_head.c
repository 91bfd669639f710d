/*
 * test_http_head: limits, known fields and the connection's fate, with heads cut
 * anywhere. What is refused for its form is in test_http_policy.c, what a head is
 * taken apart into in test_http_parse.c.
 */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "tests/unit/http_fixture.h"
#include "tests/unit/http_limits.h"

static void
test_every_known_field_is_found(void)
{
	static const char *const names[HX_KNOWN_COUNT] = {
		[HX_HOST] = "Host: a",
		[HX_CONTENT_LENGTH] = "Content-Length: 1",
		[HX_TRANSFER_ENCODING] = "Transfer-Encoding: chunked",
		[HX_CONNECTION] = "Connection: a", [HX_EXPECT] = "Expect: 100-continue",
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
test_method_numbers_are_http_parsers(void)
{
	static const struct {
		const char *name;
		int number;
	} methods[] = {
		{ "DELETE", 0 }, { "GET", 1 }, { "HEAD", 2 }, { "POST", 3 }, { "PUT", 4 },
		{ "OPTIONS", 6 }, { "TRACE", 7 }, { "PATCH", 28 },
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
	const struct hx_limits *usual = &default_limits;

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
	CU_ASSERT_STRING_EQUAL(head_verdict_limited(long_head(room, 8192, 0, 0), usual), "ok");
	CU_ASSERT_STRING_EQUAL(head_verdict_limited(long_head(room, 8193, 0, 0), usual),
	    "line_too_long");
	CU_ASSERT_STRING_EQUAL(head_verdict_limited(long_head(room, 40, 99, 20), usual), "ok");
	CU_ASSERT_STRING_EQUAL(head_verdict_limited(long_head(room, 40, 100, 20), usual),
	    "too_many_fields");
	CU_ASSERT_STRING_EQUAL(head_verdict_limited(long_head(room, 40, 1, 8193), usual),
	    "field_too_long");
	CU_ASSERT_STRING_EQUAL(head_verdict_limited(long_head(room, 40, 90, 1000), usual),
	    "head_too_large");
}

/* A head without an end is refused when a limit is reached, not later. */
static void
test_endless_heads_are_refused(void)
{
	static char room[70000];
	const struct hx_limits *usual = &default_limits;
	struct slice bytes = { room, sizeof(room) };

	memset(room, 'A', sizeof(room));
	CU_ASSERT_STRING_EQUAL(head_verdict_limited(bytes, usual), "line_too_long");
	bytes.len = 8192;
	CU_ASSERT_STRING_EQUAL(head_verdict_limited(bytes, usual), "more");
	bytes.len = sizeof(room);
	memcpy(room, "GET / HTTP/1.1\r\n", 16);
	CU_ASSERT_STRING_EQUAL(head_verdict_limited(bytes, usual), "field_too_long");
	for (size_t i = 16; i + 20 <= sizeof(room); i += 20)
		memcpy(room + i, "A: aaaaaaaaaaaaaaa\r\n", 20);
	CU_ASSERT_STRING_EQUAL(head_verdict_limited(bytes, usual), "too_many_fields");
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
	CU_pSuite suite;
	int failed;

	CU_initialize_registry();
	suite = CU_add_suite("http_head", NULL, NULL);
	CU_ADD_TEST(suite, test_every_known_field_is_found);
	CU_ADD_TEST(suite, test_method_numbers_are_http_parsers);
	CU_ADD_TEST(suite, test_connection_field);
	CU_ADD_TEST(suite, test_limits);
	CU_ADD_TEST(suite, test_endless_heads_are_refused);
	CU_ADD_TEST(suite, test_slow_heads_are_searched_once);
	CU_basic_run_tests();
	failed = (int)CU_get_number_of_tests_failed();
	CU_cleanup_registry();
	return failed != 0;
}
