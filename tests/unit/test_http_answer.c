/*
 * Answers: status lines, dates, heads and chunk heads, as uvicorn sends them.
 */
#include <CUnit/Basic.h>
#include <stdio.h>

#include "http/date.h"
#include "http/serialize.h"
#include "http/status.h"
#include "tests/unit/suite.h"

static struct hx_exchange x;
static struct hx_promise promise;
static char out[4096];

#define FIELD(name, value) { { name, sizeof(name) - 1 }, { value, sizeof(value) - 1 } }
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
request_set(uint8_t minor, bool keep_alive, bool is_head)
{
	x.req.h1.minor = minor;
	x.req.h1.keep_alive = keep_alive;
	x.is_head = is_head;
}

/* The head of an answer as a string, "-1" when it cannot be sent. */
static const char *
head(int status, const struct hx_header *fields, size_t n)
{
	struct slice preset = SLICE_LIT("server: s\r\n");
	ssize_t len = hx_serialize_head(out, sizeof(out) - 1, &x, x.req.h1.keep_alive, status,
	    fields, n, preset, &promise);

	if (len < 0)
		return "-1";
	CU_ASSERT_TRUE((size_t)len <= hx_serialize_room(fields, n, preset));
	out[len] = '\0';
	return out;
}

static void
lengths_are_kept(void)
{
	static const struct hx_header fields[] = {
		FIELD("content-length", "12"), FIELD("x-a", "b"),
	};

	request_set(1, true, false);
	CU_ASSERT_STRING_EQUAL(head(200, fields, 2), "HTTP/1.1 200 OK\r\nserver: s\r\n"
	    "content-length: 12\r\nx-a: b\r\n\r\n");
	CU_ASSERT_TRUE(promise.has_length);
	CU_ASSERT_EQUAL(promise.left, 12);
	CU_ASSERT_FALSE(promise.chunked);
	CU_ASSERT_TRUE(promise.keep_alive);
}

static void
chunks_without_a_length(void)
{
	request_set(1, true, false);
	CU_ASSERT_STRING_EQUAL(head(201, NULL, 0), "HTTP/1.1 201 Created\r\nserver: s\r\n"
	    "transfer-encoding: chunked\r\n\r\n");
	CU_ASSERT_TRUE(promise.chunked);
	CU_ASSERT_FALSE(promise.has_length);
}

static void
no_chunks_where_no_content_goes(void)
{
	static const int statuses[] = { 100, 204, 304 };

	request_set(1, true, false);
	for (size_t i = 0; i < COUNT(statuses); i++) {
		CU_ASSERT_PTR_NULL(strstr(head(statuses[i], NULL, 0), "chunked"));
		CU_ASSERT_FALSE(promise.chunked);
		CU_ASSERT_TRUE(promise.keep_alive);
	}
	request_set(1, true, true);
	CU_ASSERT_PTR_NULL(strstr(head(200, NULL, 0), "chunked"));
}

static void
an_http10_client_gets_no_coding(void)
{
	static const struct hx_header coded[] = { FIELD("transfer-encoding", "chunked") };

	request_set(0, false, false);
	CU_ASSERT_STRING_EQUAL(head(200, NULL, 0),
	    "HTTP/1.1 200 OK\r\nserver: s\r\nconnection: close\r\n\r\n");
	CU_ASSERT_FALSE(promise.keep_alive);
	CU_ASSERT_FALSE(promise.chunked);
	CU_ASSERT_PTR_NULL(strstr(head(200, coded, 1), "transfer-encoding"));
	CU_ASSERT_FALSE(promise.chunked);
}

static void
close_is_said_once(void)
{
	static const struct hx_header closing[] = {
		FIELD("connection", "x, Close"), FIELD("content-length", "0"),
	};
	static const struct hx_header keeping[] = {
		FIELD("connection", "keep-alive"), FIELD("content-length", "0"),
	};

	request_set(1, true, false);
	CU_ASSERT_STRING_EQUAL(head(200, closing, 2), "HTTP/1.1 200 OK\r\nserver: s\r\n"
	    "connection: x, Close\r\ncontent-length: 0\r\n\r\n");
	CU_ASSERT_FALSE(promise.keep_alive);
	request_set(1, false, false);
	CU_ASSERT_PTR_NULL(strstr(head(200, closing, 2), "connection: close"));
	CU_ASSERT_PTR_NOT_NULL(strstr(head(200, keeping, 2), "connection: close"));
	CU_ASSERT_FALSE(promise.keep_alive);
}

/* The application's own coding counts, before or behind a length. */
static void
the_applications_coding_counts(void)
{
	static const struct hx_header after[] = {
		FIELD("content-length", "3"), FIELD("transfer-encoding", "Chunked"),
	};
	static const struct hx_header before[] = {
		FIELD("transfer-encoding", "chunked"), FIELD("content-length", "3"),
	};

	request_set(1, true, false);
	head(200, after, 2);
	CU_ASSERT_TRUE(promise.chunked && !promise.has_length && promise.left == 0);
	head(200, before, 2);
	CU_ASSERT_TRUE(promise.chunked && !promise.has_length && promise.left == 0);
}

static void
what_cannot_be_sent_is_not(void)
{
	static const struct hx_header bad[][1] = {
		{ FIELD("content-length", "") }, { FIELD("content-length", "-1") },
		{ FIELD("content-length", "1x") }, { FIELD("content-length", "1 1") },
		{ FIELD("content-length", "1000000000000000000") },
	};

	request_set(1, true, false);
	for (size_t i = 0; i < COUNT(bad); i++)
		CU_ASSERT_STRING_EQUAL(head(200, bad[i], 1), "-1");
}

static void
answers_cannot_be_split(void)
{
	static const struct hx_header fields[] = {
		FIELD("x", "a\r\nset-cookie: b"), FIELD("x", "a\nb"), FIELD("x", "a\rb"),
		FIELD("x", "a\0b"), FIELD("x\r\ny", "a"), FIELD("x: y\r\nz", "a"),
		FIELD("x\0", "a"), FIELD("x:y", "a"), FIELD("", "a"), FIELD("x", "\x7f"),
	};
	static const struct hx_header fine[] = { FIELD("x", "a\tb\xE9"), FIELD("y", "") };

	request_set(1, true, false);
	for (size_t i = 0; i < COUNT(fields); i++)
		CU_ASSERT_STRING_EQUAL(head(200, &fields[i], 1), "-1");
	CU_ASSERT_STRING_NOT_EQUAL(head(200, fine, 2), "-1");
}

static void
statuses_have_their_lines(void)
{
	char line[HX_STATUS_LINE_MAX];

	CU_ASSERT_EQUAL(hx_status_write(line, 404), 24);
	CU_ASSERT_NSTRING_EQUAL(line, "HTTP/1.1 404 Not Found\r\n", 24);
	CU_ASSERT_EQUAL(hx_status_write(line, 299), 15);
	CU_ASSERT_NSTRING_EQUAL(line, "HTTP/1.1 299 \r\n", 15);
	for (int status = 100; status < 1000; status++) {
		size_t n = hx_status_write(line, status);
		int read = 0;

		CU_ASSERT_TRUE(n > 14 && n <= sizeof(line) && line[n - 1] == '\n');
		CU_ASSERT_TRUE(sscanf(line, "HTTP/1.1 %d ", &read) == 1 && read == status);
	}
}

static void
check_date(int64_t unix_s, const char *want)
{
	char date[HX_DATE_ROOM];

	hx_date_write(date, unix_s);
	CU_ASSERT_STRING_EQUAL(date, want);
}

static void
dates_are_imf_fixdate(void)
{
	check_date(0, "Thu, 01 Jan 1970 00:00:00 GMT");
	check_date(784111777, "Sun, 06 Nov 1994 08:49:37 GMT");
	check_date(1709251199, "Thu, 29 Feb 2024 23:59:59 GMT");
	check_date(1709251200, "Fri, 01 Mar 2024 00:00:00 GMT");
	check_date(4102444800, "Fri, 01 Jan 2100 00:00:00 GMT");
}

static void
chunk_heads_are_hex(void)
{
	char size[20];

	CU_ASSERT_EQUAL(hx_serialize_chunk_head(size, 8000), 6);
	CU_ASSERT_NSTRING_EQUAL(size, "1f40\r\n", 6);
	CU_ASSERT_EQUAL(hx_serialize_chunk_head(size, SIZE_MAX), 18);
	CU_ASSERT_NSTRING_EQUAL(size, "ffffffffffffffff\r\n", 18);
}

int
main(void)
{
	static CU_TestInfo tests[] = {
		{ "lengths are kept", lengths_are_kept },
		{ "chunks without a length", chunks_without_a_length },
		{ "no chunks where no content goes", no_chunks_where_no_content_goes },
		{ "an HTTP/1.0 client gets no coding", an_http10_client_gets_no_coding },
		{ "close is said once", close_is_said_once },
		{ "the application's coding counts", the_applications_coding_counts },
		{ "what cannot be sent is not", what_cannot_be_sent_is_not },
		{ "answers cannot be split", answers_cannot_be_split },
		{ "statuses have their lines", statuses_have_their_lines },
		{ "dates are IMF-fixdate", dates_are_imf_fixdate },
		{ "chunk heads are hex", chunk_heads_are_hex },
		CU_TEST_INFO_NULL
	};

	return suite_run("http/answer", tests);
}
