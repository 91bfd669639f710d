/*
 * Answers: what is sent for which request, broken answers, slow readers.
 */
#include <CUnit/Basic.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/suite.h"
#include "tests/unit/worker_fixture.h"
#include "worker/flush.h"

#define ERROR_500 "HTTP/1.1 500 Internal Server Error\r\n" \
	"content-type: text/plain; charset=utf-8\r\ncontent-length: 21\r\n" \
	"connection: close\r\n\r\nInternal Server Error"

static void
test_head_and_empty_statuses_have_no_content(void)
{
	struct rig rig;

	rig_open(&rig, NULL);
	rig_expect(&rig, "HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n" GET("/hello"),
	    OK("5", "") OK("5", "hello"));
	rig_expect(&rig, GET("/status/204") GET("/status/304"),
	    "HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n"
	    "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n");
	rig_expect(&rig, "HEAD /stream/3 HTTP/1.1\r\nHost: a\r\n\r\n" GET("/hello"),
	    "HTTP/1.1 200 OK\r\n\r\n" OK("5", "hello"));
	rig_close(&rig);
}

static void
test_chunked_answer(void)
{
	char answer[1200], zeros[1000] = "";
	struct rig rig;
	int n;

	rig_open(&rig, NULL);
	rig_say(&rig, GET("/stream/1"));
	rig_turn(&rig, true);
	n = snprintf(answer, sizeof(answer),
	    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3e8\r\n");
	memcpy(answer + n, zeros, 1000);
	memcpy(answer + n + 1000, "\r\n0\r\n\r\n", 7);
	CU_ASSERT_EQUAL(rig.got_len, (size_t)n + 1007);
	CU_ASSERT_EQUAL(memcmp(rig.got, answer, rig.got_len), 0);
	rig_close(&rig);
}

/* Without a length the end of the connection ends the content. */
static void
test_http_1_0(void)
{
	struct rig rig;

	rig_open(&rig, NULL);
	rig_say(&rig, "GET /stream/1 HTTP/1.0\r\n\r\n");
	rig_turn(&rig, true);
	CU_ASSERT_EQUAL(rig.got_len, 1000 + sizeof("HTTP/1.1 200 OK\r\n"
	    "connection: close\r\n\r\n") - 1);
	CU_ASSERT_TRUE(rig.end);
	CU_ASSERT_FALSE(rig.reset);
	rig_close(&rig);
	rig_open(&rig, NULL);
	rig_expect(&rig, "GET /hello HTTP/1.0\r\n\r\n",
	    "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello");
	CU_ASSERT_TRUE(rig.end);
	rig_close(&rig);
}

/* The client need not wait for the first content to learn of the answer. */
static void
test_the_head_does_not_wait_for_content(void)
{
	struct rig rig;

	rig_open(&rig, NULL);
	rig_expect(&rig, GET("/begin"),
	    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
	shutdown(rig.client, SHUT_WR);
	rig_expect(&rig, "", "3\r\nend\r\n0\r\n\r\n");
	rig_close(&rig);
}

static void
test_connection_close(void)
{
	struct rig rig;

	rig_open(&rig, NULL);
	rig_expect(&rig, "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	    GET("/hello"), "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\n"
	    "hello");
	CU_ASSERT_TRUE(rig.end);
	CU_ASSERT_FALSE(rig.reset);
	rig_close(&rig);
	rig_open(&rig, NULL);
	rig_expect(&rig, GET("/close") GET("/hello"),
	    "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello");
	CU_ASSERT_TRUE(rig.end);
	CU_ASSERT_EQUAL(rig.app.started, 1);
	rig_close(&rig);
}

static void
test_broken_answers_cut_the_connection(void)
{
	struct rig rig;

	rig_open(&rig, NULL);
	rig_expect(&rig, GET("/short") GET("/hello"), OK("10", "short"));
	CU_ASSERT_TRUE(rig.end);
	rig_close(&rig);
	rig_open(&rig, NULL);
	/* Not a byte too many may leave, for it would begin the next answer. */
	rig_expect(&rig, GET("/long") GET("/hello"), "");
	CU_ASSERT_TRUE(rig.end);
	rig_close(&rig);
	/* Nor may a field without a name. */
	rig_open(&rig, NULL);
	rig_expect(&rig, GET("/nofield") GET("/hello"), "");
	CU_ASSERT_TRUE(rig.end);
	rig_close(&rig);
}

static void
test_failures_of_the_application(void)
{
	struct rig rig;

	rig_open(&rig, NULL);
	rig_expect(&rig, GET("/fail") GET("/hello"), ERROR_500);
	CU_ASSERT_TRUE(rig.end);
	rig_close(&rig);
	rig_open(&rig, NULL);
	rig_expect(&rig, GET("/lost"), ERROR_500);
	CU_ASSERT_TRUE(rig.end);
	rig_close(&rig);
	rig_open(&rig, NULL);
	rig_expect(&rig, GET("/failmid") GET("/hello"), OK("10", "half"));
	CU_ASSERT_TRUE(rig.end);
	CU_ASSERT_EQUAL(rig_count(&rig, SHM_COUNT_answers_5xx), 0);
	rig_close(&rig);
}

/* A referred piece is sent from where it is and let go of exactly once (the rig
 * counts), even when the client has gone. */
static void
test_big_pieces(void)
{
	struct rig rig;

	rig_open(&rig, NULL);
	rig_say(&rig, GET("/big/3000000"));
	rig_turn(&rig, true);
	CU_ASSERT_EQUAL(rig.got_len, 3000000 + sizeof(OK("3000000", "")) - 1);
	CU_ASSERT_EQUAL(rig.app.pieces_released, 1);
	rig_close(&rig);
	rig_open(&rig, NULL);
	rig_say(&rig, GET("/big/3000000") GET("/big/10"));
	rig_turn(&rig, false);
	close(rig.client);
	rig_turn(&rig, false);
	CU_ASSERT_EQUAL(rig_count(&rig, SHM_COUNT_aborted), 1);
	rig.client = -1;
	rig_close(&rig);
}

/* The producer waits, memory stays flat, everything arrives in the end. */
static void
test_slow_reader_of_a_long_stream(void)
{
	static char buffer[9000];
	size_t total = 0, cap = 0, backlog = 0;
	struct rig rig;

	rig_open(&rig, NULL);
	rig_say(&rig, GET("/stream/20000"));
	for (int i = 0; i < 4000 && rig.app.ended == 0; i++) {
		ssize_t n;

		rig_turn(&rig, false);
		if (rig.c->out.copied_cap > cap)
			cap = rig.c->out.copied_cap;
		if (rig.c->out.backlog > backlog)
			backlog = rig.c->out.backlog;
		n = recv(rig.client, buffer, sizeof(buffer), 0);
		total += n > 0 ? (size_t)n : 0;
	}
	rig_turn(&rig, true);
	CU_ASSERT(backlog > WORKER_LOW_WATER && backlog < WORKER_HIGH_WATER + 2000);
	CU_ASSERT_TRUE(cap <= 256 * 1024);
	CU_ASSERT_EQUAL(total + rig.got_len, 20000 * 1007 + 5 +
	    sizeof("HTTP/1.1 200 OK\r\ndate: Sat, 21 Nov 2026 06:10:49 GMT\r\n"
	    "server: fastrd\r\ntransfer-encoding: chunked\r\n\r\n") - 1);
	rig_close(&rig);
}

/* A transport that takes 700 bytes at a time: its queue is never empty. */
static ssize_t
trickle_write(void *to, const struct iovec *iov, int n, bool more)
{
	size_t *budget = to, take = n > 0 && iov[0].iov_len < *budget ? iov[0].iov_len : *budget;

	(void)more;
	if (take == 0) {
		errno = EAGAIN;
		return -1;
	}
	*budget -= take;
	return (ssize_t)take;
}

static void
trickle_reading(void *to, bool on)
{
	(void)to;
	(void)on;
}

static void
trickle_none(void *to)
{
	(void)to;
}

static void
trickle_close(void *to, bool reset)
{
	(void)to;
	(void)reset;
}

static bool
trickle_linger(void *to)
{
	(void)to;
	return false;
}

static const struct worker_transport trickle = {
	{ .write = trickle_write }, trickle_reading, trickle_none, trickle_linger, trickle_close
};

static void
test_a_queue_that_is_never_empty_stays_small(void)
{
	size_t budget = 0, cap = 0, segments = 0;
	struct worker_conn *c;
	struct rig rig;

	rig_open(&rig, NULL);
	c = worker_conn_new_over(rig.w, &trickle, &budget);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	worker_conn_feed(c, GET("/stream/2000"), sizeof(GET("/stream/2000")) - 1);
	for (int i = 0; i < 4000 && rig.app.ended == 0; i++) {
		budget = 700;
		rig_turn(&rig, false);
		worker_flush_now(c, WORKER_HIGH_WATER);
		cap = c->out.copied_cap > cap ? c->out.copied_cap : cap;
		segments = c->out.cap_segments > segments ? c->out.cap_segments : segments;
	}
	CU_ASSERT_EQUAL(rig.app.ended, 1);
	CU_ASSERT_TRUE(cap <= 256 * 1024);
	CU_ASSERT_TRUE(segments <= 1024);
	worker_conn_kill(c);
	rig_close(&rig);
}

static void
test_client_gone_in_the_middle_of_an_answer(void)
{
	struct rig rig;

	rig_open(&rig, NULL);
	rig_say(&rig, GET("/stream/20000"));
	rig_turn(&rig, false);
	CU_ASSERT_EQUAL(rig.app.ended, 0);
	close(rig.client);
	rig_turn(&rig, false);
	CU_ASSERT_EQUAL(rig.app.ended, 1);
	CU_ASSERT_TRUE(rig_gone(&rig));
	rig.client = -1;
	rig_close(&rig);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "head_and_empty_statuses_have_no_content",
		    test_head_and_empty_statuses_have_no_content },
		{ "chunked_answer", test_chunked_answer },
		{ "http_1_0", test_http_1_0 },
		{ "the_head_does_not_wait_for_content", test_the_head_does_not_wait_for_content },
		{ "connection_close", test_connection_close },
		{ "broken_answers_cut_the_connection", test_broken_answers_cut_the_connection },
		{ "failures_of_the_application", test_failures_of_the_application },
		{ "big_pieces", test_big_pieces },
		{ "slow_reader_of_a_long_stream", test_slow_reader_of_a_long_stream },
		{ "a_queue_that_is_never_empty_stays_small",
		    test_a_queue_that_is_never_empty_stays_small },
		{ "client_gone_in_the_middle_of_an_answer",
		    test_client_gone_in_the_middle_of_an_answer },
		CU_TEST_INFO_NULL,
	};

	return suite_run("worker: answers", tests);
}
