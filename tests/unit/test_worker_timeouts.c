/*
 * Time-outs: whose time runs when. And what a connection keeps while none is in hand.
 */
#include <CUnit/Basic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/suite.h"
#include "tests/unit/worker_fixture.h"

#define REFUSED(status, text, length) "HTTP/1.1 " status "\r\n" \
	"content-type: text/plain; charset=utf-8\r\ncontent-length: " length "\r\n" \
	"connection: close\r\n\r\n" text

static struct worker_options
short_times(void)
{
	struct worker_options o = rig_options();

	o.conf.timeout_header_ms = 100;
	o.conf.timeout_keep_alive_ms = 200;
	o.conf.timeout_content_ms = 100;
	o.conf.timeout_write_ms = 100;
	return o;
}

static void
test_head_time_out_is_absolute(void)
{
	struct worker_options o = short_times();
	struct rig rig;

	rig_open(&rig, &o);
	rig_expect(&rig, GET("/hello"), OK("5", "hello"));
	for (int i = 0; i < 30 && !rig.end; i++) {
		rig_say(&rig, i == 0 ? "GET / HTTP/1.1\r\nX: " : "x");
		rig_wait(&rig, 20);
	}
	rig_expect(&rig, "", REFUSED("408 Request Timeout", "Request Timeout", "15"));
	CU_ASSERT_TRUE(rig.end);
	CU_ASSERT_EQUAL(rig_count(&rig, SHM_COUNT_timeouts), 1);
	rig_close(&rig);
}

static void
test_keep_alive_time_out(void)
{
	struct worker_options o = short_times();
	struct rig rig;

	rig_open(&rig, &o);
	for (int i = 0; i < 5; i++) {
		rig_wait(&rig, 100);
		rig_expect(&rig, GET("/hello"), OK("5", "hello"));
	}
	rig_wait(&rig, 300);
	rig_expect(&rig, "", "");
	CU_ASSERT_TRUE(rig.end);
	rig_close(&rig);
}

/* The client's time to ask again begins when it can have its answer. */
static void
test_no_keep_alive_time_out_while_an_answer_is_sent(void)
{
	enum { ALL = 12 * 1000 * 1000 };
	struct worker_options o = short_times();
	static char part[256 * 1024];
	struct rig rig;
	size_t got = 0;

	o.conf.timeout_write_ms = 5000;
	rig_open(&rig, &o);
	rig_say(&rig, GET("/big/12000000"));
	rig_turn(&rig, false);
	CU_ASSERT_EQUAL(rig.c->state, CONN_IDLE);
	while (got < ALL && !rig_gone(&rig)) {
		ssize_t n = recv(rig.client, part, sizeof(part), 0);

		got += n > 0 ? (size_t)n : 0;
		usleep(10000);
		rig_turn(&rig, false);
	}
	CU_ASSERT_TRUE(got >= ALL);
	rig_turn(&rig, true);
	CU_ASSERT_FALSE(rig.end);
	rig.got_len = 0;
	rig.got[0] = '\0';
	rig_expect(&rig, GET("/hello"), OK("5", "hello"));
	rig_close(&rig);
}

static void
test_content_time_out(void)
{
	struct worker_options o = short_times();
	struct rig rig;

	rig_open(&rig, &o);
	rig_expect(&rig, POST("/echo", "Content-Length: 10", "0"), "");
	for (int i = 0; i < 5; i++) {
		rig_wait(&rig, 60);
		rig_expect(&rig, "1", "");	/* progress */
	}
	rig_wait(&rig, 200);
	rig_expect(&rig, "", REFUSED("408 Request Timeout", "Request Timeout", "15"));
	CU_ASSERT_TRUE(rig.end);
	rig_close(&rig);
	rig_open(&rig, &o);
	rig_expect(&rig, POST("/read", "Content-Length: 10", "0"), "");	/* the application waits */
	rig_wait(&rig, 200);
	rig_expect(&rig, "", REFUSED("408 Request Timeout", "Request Timeout", "15"));
	CU_ASSERT_TRUE(rig.end);
	CU_ASSERT_EQUAL(rig.app.aborted, 1);
	rig_close(&rig);
	rig_open(&rig, &o);
	rig_expect(&rig, POST("/begin", "Content-Length: 10", "0"),
	    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
	rig_wait(&rig, 200);
	rig_expect(&rig, "", "");
	CU_ASSERT_TRUE(rig.end);
	rig_close(&rig);
}

/* A client that waits for a 100 Continue is not late; one that got it may be. */
static void
test_no_content_time_out_before_continue(void)
{
	struct worker_options o = short_times();
	struct rig rig;

	rig_open(&rig, &o);
	rig_expect(&rig, POST("/wait", "Expect: 100-continue\r\nContent-Length: 1", ""), "");
	rig_wait(&rig, 400);
	CU_ASSERT_FALSE(rig.end);
	CU_ASSERT_EQUAL(rig.app.aborted, 0);
	rig_close(&rig);
	rig_open(&rig, &o);
	rig_expect(&rig, POST("/read", "Expect: 100-continue\r\nContent-Length: 1", ""),
	    "HTTP/1.1 100 Continue\r\n\r\n");
	rig_wait(&rig, 400);
	CU_ASSERT_TRUE(rig.end);
	CU_ASSERT_EQUAL(rig.app.aborted, 1);
	rig_close(&rig);
}

/* The same time-out as before the answer: it is for the next byte, not for the last. */
static void
test_content_time_out_behind_an_answer(void)
{
	struct worker_options o = short_times();
	struct rig rig;

	o.conf.timeout_content_ms = 500;
	rig_open(&rig, &o);
	rig_expect(&rig, POST("/ignore", "Content-Length: 6", "0"), OK("7", "ignored"));
	for (int i = 0; i < 4; i++) {
		rig_wait(&rig, 200);
		rig_expect(&rig, "1", "");	/* progress */
	}
	CU_ASSERT_FALSE(rig.end);
	rig_expect(&rig, "5" GET("/hello"), OK("5", "hello"));
	rig_expect(&rig, POST("/ignore", "Content-Length: 6", "0"), OK("7", "ignored"));
	rig_wait(&rig, 800);
	CU_ASSERT_TRUE(rig.end);
	rig_close(&rig);
}

/* A client that writes first and reads later gets the answer that ends its connection. */
static void
test_a_connection_lingers_while_its_peer_goes_on(void)
{
	struct worker_options o = short_times();
	struct rig rig;

	o.conf.limit_body = 10;
	rig_open(&rig, &o);
	rig.w->timeouts.linger.length_ms = 200;
	rig_expect(&rig, POST("/echo", "Content-Length: 1000", ""),
	    REFUSED("413 Request Entity Too Large", "Content Too Large", "17"));
	CU_ASSERT_TRUE(rig.end);
	for (int i = 0; i < 6; i++) {
		rig_wait(&rig, 100);
		CU_ASSERT_FALSE(rig_gone(&rig));
		rig_say(&rig, "more");
		rig_turn(&rig, true);
	}
	/* Not for ever, though. */
	rig.c->linger_until_ms = 1;
	for (int i = 0; i < 4 && !rig_gone(&rig); i++) {
		rig_wait(&rig, 100);
		rig_say(&rig, "more");
		rig_turn(&rig, true);
	}
	CU_ASSERT_TRUE(rig_gone(&rig));
	rig_close(&rig);
}

/* An application may take its time: no time-out runs against it. */
static void
test_no_time_out_while_the_application_works(void)
{
	struct worker_options o = short_times();
	struct rig rig;

	rig_open(&rig, &o);
	rig_expect(&rig, POST("/wait", "Content-Length: 1", "0"), "");
	rig_wait(&rig, 500);
	CU_ASSERT_FALSE(rig.end);
	shutdown(rig.client, SHUT_WR);
	rig_expect(&rig, "", OK("6", "waited"));
	rig_close(&rig);
}

static void
test_write_time_out(void)
{
	struct worker_options o = short_times();
	struct rig rig;

	rig_open(&rig, &o);
	rig_say(&rig, GET("/stream/20000"));
	for (int i = 0; i < 40 && !rig_gone(&rig); i++) {
		usleep(10000);
		rig_turn(&rig, false);
	}
	CU_ASSERT_TRUE(rig_gone(&rig));
	CU_ASSERT_EQUAL(rig_count(&rig, SHM_COUNT_timeouts), 1);
	rig_close(&rig);
}

/* Neither the requests before nor what was large in them: a connection is one block. */
static void
test_a_connection_without_a_request_keeps_no_buffer(void)
{
	static char much[40000];
	struct rig rig;

	memset(much, 'x', sizeof(much));
	rig_open(&rig, NULL);
	CU_ASSERT_TRUE(sizeof(struct worker_conn) <= 2 * 1024);
	for (int i = 0; i < 3; i++) {
		rig_expect(&rig, GET("/hello"), OK("5", "hello"));
		CU_ASSERT_EQUAL(rig.w->memory.blocks.n_used, 0);
		rig_say(&rig, POST("/read", "Content-Length: 40000", ""));
		rig_send(&rig, much, sizeof(much));
		rig_turn(&rig, true);
		rig_expect(&rig, "", OK("11", "40000 bytes"));
		rig_say(&rig, GET("/hello") GET("/late/3") GET("/stream/300") GET("/big/30000"));
		rig_turn(&rig, true);
		rig.got_len = 0;
		rig_expect(&rig, POST("/ignore", "Content-Length: 2", "0"), OK("7", "ignored"));
		CU_ASSERT_EQUAL(rig.c->state, CONN_DISCARD);
		rig_expect(&rig, "1", "");
		CU_ASSERT_EQUAL(rig.w->memory.blocks.n_used, 0);
		CU_ASSERT_PTR_NULL(rig.c->input.now.bytes);
		CU_ASSERT_PTR_NULL(rig.c->input.ahead.bytes);
		CU_ASSERT_PTR_NULL(rig.c->out.copied);
		CU_ASSERT_PTR_NULL(rig.c->x.arena.first);
	}
	rig_close(&rig);
}

/* From the head on, whether the application has begun or waits for content; not once the answer
 * has begun. */
static void
test_the_time_of_a_route(void)
{
	struct worker_options o = rig_options();
	struct rig rig;

	o.conf.route = "/hello timeout=1\n/wait timeout=1\n/echo timeout=1\n/begin timeout=1";
	for (unsigned i = 0; i < 2; i++) {
		rig_open(&rig, &o);
		rig_expect(&rig, GET("/hello"), OK("5", "hello"));
		rig_say(&rig, i == 0 ? GET("/wait") : POST("/echo", "Content-Length: 5", "12"));
		rig_wait(&rig, 1200);
		rig_expect(&rig, "", REFUSED("504 Gateway Timeout", "The route has not answered in time", "34"));
		CU_ASSERT_EQUAL(rig.app.cancelled, 1 - i);
		CU_ASSERT_EQUAL(rig_count(&rig, SHM_COUNT_timeouts), 1);
		rig_close(&rig);
	}
	rig_open(&rig, &o);
	rig_say(&rig, GET("/begin"));
	rig_wait(&rig, 1200);
	CU_ASSERT_EQUAL(rig_count(&rig, SHM_COUNT_timeouts), 0);
	CU_ASSERT_FALSE(rig.end);
	rig_close(&rig);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "head_time_out_is_absolute", test_head_time_out_is_absolute },
		{ "keep_alive_time_out", test_keep_alive_time_out },
		{ "no_keep_alive_time_out_while_an_answer_is_sent",
		    test_no_keep_alive_time_out_while_an_answer_is_sent },
		{ "content_time_out", test_content_time_out },
		{ "no_content_time_out_before_continue", test_no_content_time_out_before_continue },
		{ "content_time_out_behind_an_answer", test_content_time_out_behind_an_answer },
		{ "a_connection_lingers_while_its_peer_goes_on",
		    test_a_connection_lingers_while_its_peer_goes_on },
		{ "no_time_out_while_the_application_works",
		    test_no_time_out_while_the_application_works },
		{ "write_time_out", test_write_time_out },
		{ "a_connection_without_a_request_keeps_no_buffer",
		    test_a_connection_without_a_request_keeps_no_buffer },
		{ "the time of a route", test_the_time_of_a_route },
		CU_TEST_INFO_NULL,
	};

	return suite_run("worker: time-outs", tests);
}
