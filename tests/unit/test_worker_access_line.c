/*
 * Tests of worker/access_line.c: every atom, and what hostile bytes become.
 */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/suite.h"
#include "worker/access_line.h"

static struct hx_header request_fields[] = {
	{ SLICE_LIT("user-agent"), SLICE_LIT("curl/8") },
	{ SLICE_LIT("referer"), SLICE_LIT("http://a/\"b\"") },
	{ SLICE_LIT("authorization"), SLICE_LIT("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==") },
	{ SLICE_LIT("traceparent"),
	    SLICE_LIT("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01") },
	{ SLICE_LIT("x-request-id"), SLICE_LIT("theirs") },
	{ SLICE_LIT("x-y"), SLICE_LIT("z") },
};
static const struct slice answer_fields[] = { SLICE_LIT("text/plain"), SLICE_LIT("ours") };
static struct hx_exchange x;
static struct hx_origin origin;

/* 2026-11-27 19:40:00.123456 UTC, after 1.234567 s. */
static struct worker_access_facts
facts(void)
{
	x = (struct hx_exchange){
		.req = {
			.method_name = SLICE_LIT("GET"), .target = SLICE_LIT("/items/7?q=1"),
			.raw_path = SLICE_LIT("/items/7"), .query = SLICE_LIT("q=1"),
			.headers = request_fields, .n_headers = 6, .h1 = { .minor = 1 },
		},
		.content = { .received = 11 },
	};
	origin = (struct hx_origin){ SLICE_LIT("192.0.2.7"), 4711, SLICE_LIT("http") };
	return (struct worker_access_facts){
		.x = &x, .origin = &origin, .route = SLICE_LIT("/items/{id}"), .status = 200,
		.bytes_out = 42, .begun_ns = 1000, .first_ns = 2001000, .ended_ns = 1234568000,
		.unix_us = 1795808400123456, .fields = answer_fields,
	};
}

/* The line in this format; the same text until the next call. */
static const char *
line(const char *format, const struct worker_access_facts *f)
{
	static char text[WORKER_ACCESS_LINE + 1];
	char why[ATOMS_WHY_BYTES] = "";
	struct worker_access_line_writer w;
	size_t len;

	CU_ASSERT_EQUAL_FATAL(worker_access_line_init(&w, format, "worker 3", 2, why), 0);
	len = worker_access_line(&w, f, text);
	CU_ASSERT_FATAL(len > 0 && len <= WORKER_ACCESS_LINE && text[len - 1] == '\n');
	text[len - 1] = '\0';
	return text;
}

static void
every_atom_has_its_value(void)
{
	static const char *const rows[][2] = {
		{ "%(h)s", "192.0.2.7" }, { "%(l)s", "-" }, { "%(u)s", "Aladdin" },
		{ "%(t)s", "[27/Nov/2026:19:40:00 +0000]" }, { "%(r)s", "GET /items/7?q=1 HTTP/1.1" },
		{ "%(s)s", "200" }, { "%(m)s", "GET" }, { "%(U)s", "/items/7" }, { "%(q)s", "q=1" },
		{ "%(H)s", "HTTP/1.1" }, { "%(b)s", "42" }, { "%(B)s", "42" },
		{ "%(f)s", "http://a/\\x22b\\x22" }, { "%(a)s", "curl/8" }, { "%(T)s", "1" },
		{ "%(M)s", "1234" }, { "%(D)s", "1234567" }, { "%(L)s", "1.234567" },
		{ "%(time)s", "2026-11-27T19:40:00.123456Z" }, { "%(process)s", "worker 3" },
		{ "%(worker)s", "3" }, { "%(gen)s", "2" }, { "%(client)s", "192.0.2.7:4711" },
		{ "%(scheme)s", "http" }, { "%(method)s", "GET" }, { "%(path)s", "/items/7" },
		{ "%(query)s", "q=1" }, { "%(status)s", "200" }, { "%(phrase)s", "OK" },
		{ "%(bytes_in)s", "11" }, { "%(bytes_out)s", "42" }, { "%(dur_ms)s", "1234.567" },
		{ "%(ttfb_ms)s", "2.000" }, { "%(route)s", "/items/{id}" },
		{ "%(trace_id)s", "0af7651916cd43dd8448eb211c80319c" },
		{ "%(traceparent)s", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" },
		{ "%({X-Y}i)s", "z" }, { "%({None}i)s", "-" }, { "%({Content-Type}o)s", "text/plain" },
		{ "%({Content-Type}o)s %(request_id)s", "text/plain ours" },
	};
	struct worker_access_facts f = facts();
	char pid[32];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CU_ASSERT_STRING_EQUAL(line(rows[i][0], &f), rows[i][1]);
	snprintf(pid, sizeof(pid), "<%ld> %ld", (long)getpid(), (long)getpid());
	CU_ASSERT_STRING_EQUAL(line("%(p)s %(pid)s", &f), pid);
}

static void
what_is_not_known_is_a_dash_or_empty(void)
{
	struct worker_access_facts f = facts();

	x.req.n_headers = 0;
	x.req.query = f.route = SLICE_NULL;
	origin.host = SLICE_NULL;
	f.bytes_out = 0;
	f.fields = NULL;
	CU_ASSERT_STRING_EQUAL(
	    line("%(h)s %(u)s %(q)s %(b)s %(B)s %(a)s %(client)s %(route)s %(request_id)s %({a}o)s", &f),
	    "- - - - 0 - - - - -");
	CU_ASSERT_STRING_EQUAL(line("{\"%(h)s%(q)s%(a)s%(client)s%(route)s%(trace_id)s\"%(b)s}", &f),
	    "{\"\"0}");
	x.req.method_name = x.req.target = SLICE_NULL;
	CU_ASSERT_STRING_EQUAL(line("%(r)s", &f), "-");
}

static void
the_named_formats(void)
{
	struct worker_access_facts f = facts();
	char text[512];

	CU_ASSERT_STRING_EQUAL(line("combined", &f), "192.0.2.7 - Aladdin "
	    "[27/Nov/2026:19:40:00 +0000] \"GET /items/7?q=1 HTTP/1.1\" 200 42 "
	    "\"http://a/\\x22b\\x22\" \"curl/8\"");
	snprintf(text, sizeof(text), "2026-11-27T19:40:00.123Z %ld info [worker 3] 192.0.2.7:4711 - "
	    "\"GET /items/7?q=1 HTTP/1.1\" 200 OK, 1234.567 ms", (long)getpid());
	CU_ASSERT_STRING_EQUAL(line("line", &f), text);
	f.fields = &answer_fields[1];
	CU_ASSERT_PTR_NOT_NULL(strstr(line("json", &f), "\"status\":200,\"bytes_in\":11,"
	    "\"bytes_out\":42,\"dur_ms\":1234.567,\"ttfb_ms\":2.000,\"worker\":3,\"gen\":2,"
	    "\"client\":\"192.0.2.7:4711\",\"proto\":\"HTTP/1.1\",\"request_id\":\"ours\""));
}

static void
bytes_of_clients_are_escaped(void)
{
	struct worker_access_facts f = facts();

	x.req.raw_path = SLICE_LIT("/\"\\\n\x1b\x7f\xc3\xa9\xff e");
	CU_ASSERT_STRING_EQUAL(line("%(U)s", &f), "/\\x22\\x5c\\x0a\\x1b\\x7f\\xc3\\xa9\\xff e");
	CU_ASSERT_STRING_EQUAL(line("{\"%(U)s\"}", &f),
	    "{\"/\\\"\\\\\\u000a\\u001b\\u007f\xc3\xa9\\u00ff e\"}");
	/* A name within credentials that is no text, and credentials that are none. */
	request_fields[2].value = SLICE_LIT("basic CgoKOg==");
	CU_ASSERT_STRING_EQUAL(line("%(u)s", &f), "\\x0a\\x0a\\x0a");
	request_fields[2].value = SLICE_LIT("Bearer x");
	CU_ASSERT_STRING_EQUAL(line("%(u)s", &f), "-");
}

static void
a_trace_that_is_none_is_not_told(void)
{
	static const char *const rows[] = { "", "x", "00-0af7651916cd43dd8448eb211c80319c",
		"00-00000000000000000000000000000000-b7ad6b7169203331-01",
		"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
		"00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01" };
	struct worker_access_facts f = facts();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		request_fields[3].value = (struct slice){ rows[i], strlen(rows[i]) };
		CU_ASSERT_STRING_EQUAL(line("%(trace_id)s", &f), "-");
	}
}

/* Values that are longer than a line, of bytes that become longer still: every text of the
 * format is there. */
static void
long_values_are_cut_and_lines_stay_whole(void)
{
	static char many[70000];
	struct worker_access_facts f = facts();
	const char *text;

	for (int round = 0; round < 3; round++) {
		memset(many, "x\n\xc3"[round], sizeof(many));
		x.req.raw_path = x.req.query = x.req.target = (struct slice){ many, sizeof(many) };
		for (size_t i = 0; i < 6; i++)
			request_fields[i].value = x.req.raw_path;
		f.route = origin.host = x.req.raw_path;
		text = line("json", &f);
		CU_ASSERT_PTR_NOT_NULL(strstr(text, "...\",\"query\":\""));
		CU_ASSERT_PTR_NOT_NULL(strstr(text, "...:4711\",\"proto\":\"HTTP/1.1\",\"request_id\":\""));
		CU_ASSERT_PTR_NOT_NULL(strstr(text, "\",\"status\":200,"));
		CU_ASSERT_STRING_EQUAL(text + strlen(text) - 5, "...\"}");
		CU_ASSERT_PTR_NOT_NULL(strstr(line("combined", &f), "... HTTP/1.1\" 200 42 \""));
	}
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "every atom has its value", every_atom_has_its_value },
		{ "what is not known is a dash or empty", what_is_not_known_is_a_dash_or_empty },
		{ "the named formats", the_named_formats },
		{ "bytes of clients are escaped", bytes_of_clients_are_escaped },
		{ "a trace that is none is not told", a_trace_that_is_none_is_not_told },
		{ "long values are cut, and lines stay whole", long_values_are_cut_and_lines_stay_whole },
		CU_TEST_INFO_NULL,
	};

	return suite_run("worker/access_line", tests);
}
