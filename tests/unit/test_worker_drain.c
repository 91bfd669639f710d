/*
 * The end of a worker: what it still answers, what it waits for, and when it is empty.
 */
#include <CUnit/Basic.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/must.h"
#include "tests/unit/suite.h"
#include "tests/unit/worker_fixture.h"
#include "worker/accept.h"

#define LAST(length, text) \
	"HTTP/1.1 200 OK\r\ncontent-length: " length "\r\nconnection: close\r\n\r\n" text

static int drained;

static void
on_drained(void *arg)
{
	(void)arg;
	drained++;
}

static void
drain(struct rig *rig, uint64_t grace_ms)
{
	drained = 0;
	worker_on_empty(rig->w, on_drained, NULL);
	worker_drain(rig->w, grace_ms, false);
}

static void
test_no_connection_is_accepted_and_what_runs_is_answered(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int late = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(address);
	struct rig rig;

	rig_open(&rig, NULL);
	CU_ASSERT_EQUAL_FATAL(listen(listener, 8), 0);
	CU_ASSERT_EQUAL_FATAL(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	CU_ASSERT_EQUAL_FATAL(worker_accept_listen(rig.w, listener), 0);
	rig_expect(&rig, GET("/wait"), "");
	drain(&rig, 30000);
	CU_ASSERT_EQUAL_FATAL(connect(late, (struct sockaddr *)&address, len), 0);
	rig_turn(&rig, true);
	CU_ASSERT_EQUAL(rig.w->open, 1);
	CU_ASSERT_EQUAL(drained, 0);
	shutdown(rig.client, SHUT_WR);
	rig_expect(&rig, "", LAST("6", "waited"));
	CU_ASSERT_TRUE(rig.end);
	CU_ASSERT_EQUAL(drained, 1);
	close(late);
	rig_close(&rig);
	close(listener);
}

static void
test_it_ends_at_once_without_a_connection(void)
{
	struct rig rig;

	rig_open(&rig, NULL);
	worker_conn_kill(rig.c);
	rig_turn(&rig, true);
	CU_ASSERT_TRUE_FATAL(rig_gone(&rig));
	drain(&rig, 30000);
	CU_ASSERT_EQUAL(drained, 1);
	rig_close(&rig);
}

/* The connection's next answer says that it is the last. */
static void
expect_one_more(struct rig *rig)
{
	rig_turn(rig, true);
	CU_ASSERT_EQUAL(drained, 0);
	CU_ASSERT_FALSE(rig->end);
	rig_expect(rig, GET("/hello"), LAST("5", "hello"));
	CU_ASSERT_TRUE(rig->end);
	CU_ASSERT_EQUAL(drained, 1);
	rig_close(rig);
}

/* Whatever the client has been told before the drain, it has not heard that the connection
 * closes, and may have sent a request. */
static void
test_it_waits_for_a_request_on_its_way(void)
{
	struct rig rig;

	rig_open(&rig, NULL);		/* it has just connected */
	drain(&rig, 30000);
	expect_one_more(&rig);
	rig_open(&rig, NULL);		/* it has an answer */
	rig_expect(&rig, GET("/hello"), OK("5", "hello"));
	drain(&rig, 30000);
	expect_one_more(&rig);
	rig_open(&rig, NULL);		/* the answer is about to be sent */
	rig_say(&rig, GET("/hello"));
	must(io_turn_poll(rig.turn, false) == 0);
	io_turn_run(rig.turn);
	CU_ASSERT_TRUE(rig.c->out.backlog > 0);
	drain(&rig, 30000);
	rig_expect(&rig, "", OK("5", "hello"));
	expect_one_more(&rig);
	rig_open(&rig, NULL);		/* it has the head of an answer */
	rig_say(&rig, GET("/stream/2000"));
	rig_turn(&rig, false);
	CU_ASSERT_EQUAL(rig.c->state, CONN_RUNNING);
	drain(&rig, 30000);
	rig_turn(&rig, true);
	CU_ASSERT_TRUE(rig.got_len > 2000000);
	rig.got_len = 0;
	rig.got[0] = '\0';
	expect_one_more(&rig);
	rig_open(&rig, NULL);		/* it has an answer and still sends content */
	rig_expect(&rig, POST("/ignore", "Content-Length: 5", "0"), OK("7", "ignored"));
	drain(&rig, 30000);
	rig_expect(&rig, "1234", "");
	expect_one_more(&rig);
}

/* It does not wait for ever, and never cuts what it has answered. */
static void
test_it_ends_without_a_request_when_all_is_sent(void)
{
	struct rig rig;

	rig_open(&rig, NULL);
	rig_say(&rig, GET("/big/3000000"));
	rig_turn(&rig, false);
	drain(&rig, 400);
	for (int i = 0; i < 20; i++) {
		usleep(10000);
		rig_turn(&rig, false);
	}
	CU_ASSERT_EQUAL(drained, 0);
	for (int i = 0; i < 1000 && drained == 0; i++)
		rig_wait(&rig, 5);
	CU_ASSERT_EQUAL(drained, 1);
	rig_turn(&rig, true);
	CU_ASSERT_TRUE(rig.got_len > 3000000);
	CU_ASSERT_TRUE(rig.end);
	rig_close(&rig);
}

static void
test_abort_cuts_what_runs(void)
{
	struct rig rig;

	rig_open(&rig, NULL);
	rig_expect(&rig, GET("/wait"), "");
	worker_abort(rig.w);
	rig_turn(&rig, true);
	CU_ASSERT_TRUE(rig.end);
	CU_ASSERT_EQUAL(rig.app.aborted, 1);
	CU_ASSERT_TRUE(rig_gone(&rig));
	rig_close(&rig);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "no_connection_is_accepted_and_what_runs_is_answered",
		    test_no_connection_is_accepted_and_what_runs_is_answered },
		{ "it_ends_at_once_without_a_connection",
		    test_it_ends_at_once_without_a_connection },
		{ "it_waits_for_a_request_on_its_way", test_it_waits_for_a_request_on_its_way },
		{ "it_ends_without_a_request_when_all_is_sent",
		    test_it_ends_without_a_request_when_all_is_sent },
		{ "abort_cuts_what_runs", test_abort_cuts_what_runs },
		CU_TEST_INFO_NULL,
	};

	return suite_run("worker: drain", tests);
}
