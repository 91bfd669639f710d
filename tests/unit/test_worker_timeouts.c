/*
 * Time-outs: whose time runs when, and when a connection gives its buffers back.
 */
#include <CUnit/Basic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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
	rig_expect(&rig, POST("/read", "Content-Length: 10", "0"), "");
	rig_wait(&rig, 200);
	CU_ASSERT_TRUE(rig.end);
	CU_ASSERT_EQUAL(rig.app.aborted, 1);
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

/* What a large request needed is given back while the connection is busy, too. */
static void
test_a_busy_connection_keeps_no_large_buffer(void)
{
	static char much[40000];
	struct rig rig;

	memset(much, 'x', sizeof(much));
	rig_open(&rig, NULL);
	for (int i = 0; i < 3; i++) {
		rig_say(&rig, POST("/read", "Content-Length: 40000", ""));
		rig_send(&rig, much, sizeof(much));
		rig_turn(&rig, true);
		rig_expect(&rig, "", OK("11", "40000 bytes"));
		CU_ASSERT_TRUE(rig.c->input.now.cap + rig.c->input.ahead.cap <= 32 * 1024);
	}
	rig_close(&rig);
}

static void
test_resting_connections_keep_no_buffers(void)
{
	struct worker_options o = short_times();
	struct rig rig;

	rig_open(&rig, &o);
	CU_ASSERT_TRUE(sizeof(struct worker_conn) <= 6 * 1024);
	rig_expect(&rig, GET("/hello"), OK("5", "hello"));
	CU_ASSERT_PTR_NOT_NULL(rig.c->input.now.bytes);
	rig_wait(&rig, 140);
	CU_ASSERT_FALSE(rig.end);
	CU_ASSERT_PTR_NULL(rig.c->input.now.bytes);
	CU_ASSERT_PTR_NULL(rig.c->out.copied);
	CU_ASSERT_PTR_NULL(rig.c->x.arena.first);
	rig_expect(&rig, GET("/hello"), OK("5", "hello"));
	rig_close(&rig);
}

int
main(void)
{
	CU_pSuite suite;
	unsigned failures;

	if (CU_initialize_registry() != CUE_SUCCESS)
		return 2;
	suite = CU_add_suite("worker: time-outs", NULL, NULL);
#define TEST(name) CU_add_test(suite, #name, test_##name)
	TEST(head_time_out_is_absolute);
	TEST(keep_alive_time_out);
	TEST(content_time_out);
	TEST(no_content_time_out_before_continue);
	TEST(content_time_out_behind_an_answer);
	TEST(no_time_out_while_the_application_works);
	TEST(write_time_out);
	TEST(a_busy_connection_keeps_no_large_buffer);
	TEST(resting_connections_keep_no_buffers);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0 ? 1 : 0;
}
