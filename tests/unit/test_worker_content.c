/*
 * Request content: framing, expectations, back-pressure, and clients that stop
 * in the middle.
 */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/suite.h"
#include "tests/unit/worker_fixture.h"

#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"
#define EXPECT(path, length) POST(path, "Expect: 100-continue\r\nContent-Length: " length, "")
#define REFUSED(status, text, length) "HTTP/1.1 " status "\r\n" \
	"content-type: text/plain; charset=utf-8\r\ncontent-length: " length "\r\n" \
	"connection: close\r\n\r\n" text

static void
test_content_length(void)
{
	struct rig rig;

	rig_open(&rig, NULL);
	rig_expect(&rig, POST("/echo", "Content-Length: 0", ""), OK("0", ""));
	rig_expect(&rig, POST("/echo", "Content-Length: 5", "01"), "");
	rig_expect(&rig, "23", "");
	CU_ASSERT_EQUAL(rig.app.started, 1);
	rig_expect(&rig, "4", OK("5", "01234"));
	rig_expect(&rig, POST("/read", "Content-Length: 5", "01"), "");
	rig_expect(&rig, "234", OK("7", "5 bytes"));
	rig_close(&rig);
}

static void
test_chunked_content(void)
{
	struct rig rig;

	rig_open(&rig, NULL);
	rig_expect(&rig, POST("/echo", "Transfer-Encoding: chunked", "1\r\n0\r\n4\r\n123"), "");
	rig_expect(&rig, "4\r\n0\r\nX-Sum: 1\r\n\r\n", OK("5", "01234"));
	rig_expect(&rig, POST("/read", "Transfer-Encoding: chunked", "0\r\n\r\n"),
	    OK("7", "0 bytes"));
	rig_expect(&rig, GET("/hello"), OK("5", "hello"));
	rig_close(&rig);
}

static void
test_bad_chunk_before_the_application(void)
{
	struct rig rig;

	rig_open(&rig, NULL);
	rig_expect(&rig, POST("/echo", "Transfer-Encoding: chunked", "1\r\n0\r\nzz\r\n")
	    GET("/hello"), REFUSED("400 Bad Request", "Malformed chunk", "15"));
	CU_ASSERT_TRUE(rig.end);
	CU_ASSERT_EQUAL(rig.app.started, 0);
	rig_close(&rig);
}

/* The application runs already: it is told, its answer is not sent. */
static void
test_bad_chunk_under_the_application(void)
{
	struct rig rig;

	rig_open(&rig, NULL);
	rig_expect(&rig, POST("/read", "Transfer-Encoding: chunked", "1\r\n0\r\n"), "");
	CU_ASSERT_EQUAL(rig.app.started, 1);
	rig_expect(&rig, "zz\r\n", REFUSED("400 Bad Request", "Malformed chunk", "15"));
	CU_ASSERT_EQUAL(rig.app.aborted, 1);
	CU_ASSERT_TRUE(rig.end);
	rig_close(&rig);
}

static void
test_bad_chunk_behind_a_complete_answer(void)
{
	struct rig rig;

	rig_open(&rig, NULL);
	rig_expect(&rig, POST("/ignore", "Transfer-Encoding: chunked", "1\r\n0\r\n"),
	    OK("7", "ignored"));
	CU_ASSERT_EQUAL(rig.c->state, CONN_DISCARD);
	rig_expect(&rig, "zz\r\n", "");
	CU_ASSERT_TRUE(rig.end);
	rig_close(&rig);
}

static void
test_continue_is_sent_when_the_application_reads(void)
{
	struct rig rig;

	rig_open(&rig, NULL);
	rig_expect(&rig, EXPECT("/echo", "3"), CONTINUE);
	rig_expect(&rig, "abc", OK("3", "abc"));
	rig_expect(&rig, EXPECT("/read", "3"), CONTINUE);
	rig_expect(&rig, "abc", OK("7", "3 bytes"));
	CU_ASSERT_EQUAL(rig_count(&rig, SHM_COUNT_answers_1xx), 2);
	rig_close(&rig);
}

static void
test_no_continue_when_content_is_there(void)
{
	struct rig rig;

	rig_open(&rig, NULL);
	rig_expect(&rig, POST("/echo", "Expect: 100-continue\r\nContent-Length: 3", "abc"),
	    OK("3", "abc"));
	rig_expect(&rig, EXPECT("/echo", "0"), OK("0", ""));
	rig_close(&rig);
}

/* Nobody can know whether the content still comes: the connection ends. */
static void
test_no_continue_when_the_application_does_not_read(void)
{
	struct rig rig;

	rig_open(&rig, NULL);
	rig_expect(&rig, EXPECT("/ignore", "3"), "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n"
	    "connection: close\r\n\r\nignored");
	CU_ASSERT_TRUE(rig.end);
	rig_close(&rig);
}

static void
test_no_continue_for_http_1_0(void)
{
	struct rig rig;

	rig_open(&rig, NULL);
	rig_expect(&rig, "POST /read HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\n"
	    "Content-Length: 3\r\n\r\n", "");
	rig_expect(&rig, "abc", "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n"
	    "connection: close\r\n\r\n3 bytes");
	rig_close(&rig);
}

static void
test_unknown_expectation(void)
{
	struct rig rig;

	rig_open(&rig, NULL);
	rig_expect(&rig, POST("/echo", "Expect: 200-ok\r\nContent-Length: 3", "abc"),
	    OK("3", "abc"));
	CU_ASSERT_EQUAL(rig.app.started, 1);
	rig_close(&rig);
}

/* The rest is thrown away and the connection lives on. */
static void
test_unread_content_is_discarded(void)
{
	struct rig rig;

	rig_open(&rig, NULL);
	rig_expect(&rig, POST("/ignore", "Content-Length: 10", "01234"), OK("7", "ignored"));
	rig_expect(&rig, "56789" GET("/hello"), OK("5", "hello"));
	rig_expect(&rig, POST("/ignore", "Transfer-Encoding: chunked", "5\r\n01234\r\n"),
	    OK("7", "ignored"));
	rig_expect(&rig, "1\r\n5\r\n0\r\n\r\n" GET("/hello"), OK("5", "hello"));
	rig_close(&rig);
}

static void
test_much_unread_content_is_discarded(void)
{
	static char much[64 * 1024];
	struct rig rig;

	rig_open(&rig, NULL);
	rig_expect(&rig, POST("/ignore", "Content-Length: 67108864", ""), OK("7", "ignored"));
	for (int i = 0; i < 1024; i++)
		rig_send(&rig, much, sizeof(much));
	rig_expect(&rig, GET("/hello"), OK("5", "hello"));
	CU_ASSERT_FALSE(rig.end);
	rig_close(&rig);
}

/* What a request with a content that is read may not exceed. */
static void
test_unread_chunks_over_the_limit_end_the_connection(void)
{
	static char chunk[16 * 1024 + 8];
	struct worker_options o = rig_options();
	struct rig rig;

	o.conf.limit_body = 100 * 1024;

	memcpy(chunk, "4000\r\n", 6);
	memset(chunk + 6, 'x', 16 * 1024);
	memcpy(chunk + 6 + 16 * 1024, "\r\n", 2);
	rig_open(&rig, &o);
	rig_expect(&rig, POST("/ignore", "Transfer-Encoding: chunked", "4\r\nread\r\n"),
	    OK("7", "ignored"));
	for (int i = 0; i < 7; i++) {
		CU_ASSERT_FALSE(rig.end);
		rig_send(&rig, chunk, sizeof(chunk));
		rig_turn(&rig, true);
	}
	CU_ASSERT_TRUE(rig.end);
	rig_close(&rig);
}

static void
test_content_over_the_limit(void)
{
	struct worker_options o = rig_options();
	struct rig rig;

	o.conf.limit_body = 10;
	rig_open(&rig, &o);
	rig_expect(&rig, POST("/echo", "Content-Length: 10", "0123456789"),
	    OK("10", "0123456789"));
	rig_expect(&rig, POST("/echo", "Content-Length: 11", ""),
	    REFUSED("413 Request Entity Too Large", "Content Too Large", "17"));
	rig_close(&rig);
	rig_open(&rig, &o);
	rig_expect(&rig, POST("/echo", "Transfer-Encoding: chunked",
	    "5\r\n01234\r\n6\r\n012345\r\n"),
	    REFUSED("413 Request Entity Too Large", "Content Too Large", "17"));
	CU_ASSERT_EQUAL(rig.app.started, 0);
	rig_close(&rig);
}

/* Content that the application does not read stays with the client. */
static void
test_huge_content_to_an_application_that_does_not_read(void)
{
	static char much[64 * 1024];
	size_t sent = 0;
	struct rig rig;

	rig_open(&rig, NULL);
	rig_expect(&rig, POST("/wait", "Content-Length: 10000000000", ""), "");
	for (int i = 0; i < 1000; i++) {
		ssize_t n = send(rig.client, much, sizeof(much), MSG_NOSIGNAL);

		sent += n > 0 ? (size_t)n : 0;
		rig_turn(&rig, true);
	}
	CU_ASSERT_TRUE(sent < 2000000);
	CU_ASSERT_TRUE(rig.app.content_max <= 2 * WORKER_HIGH_WATER);
	CU_ASSERT_TRUE(rig.c->x.content.cap <= 256 * 1024);
	rig_close(&rig);
	CU_ASSERT_EQUAL(rig.app.aborted, 1);
}

static void
test_huge_content_to_an_application_that_reads(void)
{
	static char much[64 * 1024];
	struct rig rig;

	rig_open(&rig, NULL);
	rig_expect(&rig, POST("/read", "Content-Length: 67108864", ""), "");
	for (int i = 0; i < 1024; i++) {
		rig_send(&rig, much, sizeof(much));
		CU_ASSERT_TRUE(rig.c->x.content.cap <= 256 * 1024);
	}
	rig_expect(&rig, "", OK("14", "67108864 bytes"));
	CU_ASSERT_EQUAL(rig.app.content_seen, 67108864);
	rig_close(&rig);
}

static void
test_client_gone_before_its_content(void)
{
	struct rig rig;

	rig_open(&rig, NULL);
	rig_say(&rig, GET("/hello") POST("/echo", "Content-Length: 10", "0123"));
	shutdown(rig.client, SHUT_WR);
	/* The answer before is sent, the unfinished request never started. */
	rig_expect(&rig, "", OK("5", "hello"));
	CU_ASSERT_TRUE(rig.end);
	CU_ASSERT_EQUAL(rig.app.started, 1);
	rig_close(&rig);
}

/* Nor an answer to it from an application that has begun, which is told. */
static void
test_client_ends_in_its_content_under_the_application(void)
{
	static const char *const paths[] = { "read", "wait" };
	char text[200];
	struct rig rig;

	for (size_t i = 0; i < 2; i++) {
		rig_open(&rig, NULL);
		snprintf(text, sizeof(text), GET("/hello") "POST /%s HTTP/1.1\r\nHost: a\r\n"
		    "Content-Length: 10\r\n\r\n0123", paths[i]);
		rig_expect(&rig, text, OK("5", "hello"));
		shutdown(rig.client, SHUT_WR);
		rig_expect(&rig, "", "");
		CU_ASSERT_TRUE(rig.end);
		CU_ASSERT_FALSE(rig.reset);
		CU_ASSERT_TRUE(rig_gone(&rig));
		CU_ASSERT_EQUAL(rig.app.aborted, 1);
		CU_ASSERT_EQUAL(rig_count(&rig, SHM_COUNT_aborted), 1);
		rig_close(&rig);
	}
}

static void
test_client_gone_under_the_application(void)
{
	struct rig rig;

	rig_open(&rig, NULL);
	rig_expect(&rig, POST("/read", "Content-Length: 10", "0123"), "");
	close(rig.client);
	rig_turn(&rig, false);
	CU_ASSERT_EQUAL(rig.app.aborted, 1);
	CU_ASSERT_TRUE(rig_gone(&rig));
	rig.client = -1;
	rig_close(&rig);
}

/* A client that goes away after any byte of a request leaves nothing behind. */
static void
test_client_gone_at_every_byte(void)
{
	static const char text[] = POST("/read", "Transfer-Encoding: chunked",
	    "3\r\nabc\r\n0\r\n\r\n") POST("/echo", "Content-Length: 5", "01234")
	    GET("/stream/200") GET("/wait");

	for (size_t cut = 0; cut < sizeof(text); cut++) {
		struct rig rig;

		rig_open(&rig, NULL);
		rig_send(&rig, text, cut);
		if (cut % 2 == 0)
			rig_turn(&rig, cut % 4 == 0);
		close(rig.client);
		rig_turn(&rig, false);
		CU_ASSERT_TRUE(rig_gone(&rig));
		rig.client = -1;
		rig_close(&rig);
	}
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "content_length", test_content_length },
		{ "chunked_content", test_chunked_content },
		{ "bad_chunk_before_the_application", test_bad_chunk_before_the_application },
		{ "bad_chunk_under_the_application", test_bad_chunk_under_the_application },
		{ "bad_chunk_behind_a_complete_answer", test_bad_chunk_behind_a_complete_answer },
		{ "continue_is_sent_when_the_application_reads",
		    test_continue_is_sent_when_the_application_reads },
		{ "no_continue_when_content_is_there", test_no_continue_when_content_is_there },
		{ "no_continue_when_the_application_does_not_read",
		    test_no_continue_when_the_application_does_not_read },
		{ "no_continue_for_http_1_0", test_no_continue_for_http_1_0 },
		{ "unknown_expectation", test_unknown_expectation },
		{ "unread_content_is_discarded", test_unread_content_is_discarded },
		{ "much_unread_content_is_discarded", test_much_unread_content_is_discarded },
		{ "unread_chunks_over_the_limit_end_the_connection",
		    test_unread_chunks_over_the_limit_end_the_connection },
		{ "content_over_the_limit", test_content_over_the_limit },
		{ "huge_content_to_an_application_that_does_not_read",
		    test_huge_content_to_an_application_that_does_not_read },
		{ "huge_content_to_an_application_that_reads",
		    test_huge_content_to_an_application_that_reads },
		{ "client_gone_before_its_content", test_client_gone_before_its_content },
		{ "client_ends_in_its_content_under_the_application",
		    test_client_ends_in_its_content_under_the_application },
		{ "client_gone_under_the_application", test_client_gone_under_the_application },
		{ "client_gone_at_every_byte", test_client_gone_at_every_byte },
		CU_TEST_INFO_NULL,
	};

	return suite_run("worker: content", tests);
}
