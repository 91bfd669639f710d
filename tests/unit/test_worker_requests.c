/*
 * Requests one after the other on a connection: order, cutting, pipelines.
 */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/must.h"
#include "tests/unit/suite.h"
#include "tests/unit/worker_fixture.h"

#define REFUSED(status, text, length) "HTTP/1.1 " status "\r\n" \
	"content-type: text/plain; charset=utf-8\r\ncontent-length: " length "\r\n" \
	"connection: close\r\n\r\n" text
#define BAD_FIELD REFUSED("400 Bad Request", "Malformed header field", "22")

static void
test_one_request_one_answer(void)
{
	struct rig rig;

	rig_open(&rig, NULL);
	rig_expect(&rig, GET("/hello"), OK("5", "hello"));
	rig_expect(&rig, GET("/hello"), OK("5", "hello"));
	CU_ASSERT_EQUAL(rig_count(&rig, SHM_COUNT_requests), 2);
	CU_ASSERT_EQUAL(rig_count(&rig, SHM_COUNT_answers_2xx), 2);
	CU_ASSERT_EQUAL(rig_count(&rig, SHM_COUNT_connections_open), 1);
	CU_ASSERT_FALSE(rig.end);
	rig_close(&rig);
}

static void
test_split_at_every_byte(void)
{
	static const char text[] = POST("/echo", "Content-Length: 5", "01234")
	    POST("/read", "Transfer-Encoding: chunked",
		"3;a=b\r\nabc\r\n1\r\nd\r\n0\r\nX: y\r\n\r\n") GET("/hello");
	static const char answers[] = OK("5", "01234") OK("7", "4 bytes") OK("5", "hello");
	size_t len = sizeof(text) - 1;

	for (size_t cut = 1; cut < len; cut++) {
		struct rig rig;
		char first[sizeof(text)] = "";

		rig_open(&rig, NULL);
		memcpy(first, text, cut);
		rig_send(&rig, first, cut);
		rig_turn(&rig, true);
		rig_expect(&rig, text + cut, answers);
		rig_close(&rig);
	}
}

static void
test_one_byte_segments(void)
{
	static const char text[] = GET("/hello") POST("/echo", "Content-Length: 3", "abc")
	    POST("/read", "Transfer-Encoding: chunked", "2\r\nab\r\n0\r\n\r\n");
	struct rig rig;

	rig_open(&rig, NULL);
	for (size_t i = 0; i + 1 < sizeof(text) - 1; i++) {
		rig_send(&rig, text + i, 1);
		rig_turn(&rig, true);
	}
	rig_expect(&rig, text + sizeof(text) - 2, OK("5", "hello") OK("3", "abc")
	    OK("7", "2 bytes"));
	rig_close(&rig);
}

/* `n` requests in one go, the answers in order: some at once, some later, some
 * with content; at last one that is refused, which ends the connection. */
static void
pipeline(size_t n, bool refused)
{
	static const struct {
		const char *request, *answer;
	} kinds[] = {
		{ GET("/hello"), OK("5", "hello") },
		{ GET("/late/2"), OK("4", "late") },
		{ POST("/echo", "Content-Length: 3", "abc"), OK("3", "abc") },
		{ GET("/after/1"), OK("5", "after") },
		{ POST("/read", "Transfer-Encoding: chunked", "2\r\nxy\r\n0\r\n\r\n"),
		    OK("7", "2 bytes") },
		{ GET("/status/404"),
		    "HTTP/1.1 404 Not Found\r\ncontent-length: 5\r\n\r\nhello" },
	};
	char *request = calloc(n + 2, 128), *answer = calloc(n + 2, 192);
	char *r = request, *a = answer;
	struct rig rig;

	for (size_t i = 0; i < n; i++) {
		size_t k = i % 6;

		r = stpcpy(r, kinds[k].request);
		a = stpcpy(a, kinds[k].answer);
	}
	if (refused) {
		r = stpcpy(r, "GET / HTTP/1.1\r\nHost : a\r\n\r\n");
		a = stpcpy(a, BAD_FIELD);
		stpcpy(r, GET("/hello"));
	}
	rig_open(&rig, NULL);
	rig_expect(&rig, request, answer);
	CU_ASSERT_EQUAL(rig.end, refused);
	CU_ASSERT_EQUAL(rig.app.started, n);
	rig_close(&rig);
	free(request);
	free(answer);
}

static void
test_pipelines_in_order(void)
{
	for (size_t n = 1; n <= 40; n++)
		pipeline(n, false);
	pipeline(1000, false);
}

static void
test_pipelines_end_at_the_first_refused(void)
{
	for (size_t n = 0; n <= 40; n++)
		pipeline(n, true);
	pipeline(1000, true);
}

static void
test_pipeline_without_a_reader_waits(void)
{
	/* Answers of 1000 bytes for 64 byte requests that nobody reads: the worker
	 * stops taking requests instead of collecting answers. */
	struct rig rig;
	size_t asked = 0;

	rig_open(&rig, NULL);
	for (int i = 0; i < 5000; i++) {
		ssize_t n = send(rig.client, GET("/big/1000"), sizeof(GET("/big/1000")) - 1,
		    MSG_NOSIGNAL);

		asked += n > 0;
		if (n != (ssize_t)sizeof(GET("/big/1000")) - 1)
			break;
		rig_turn(&rig, false);
	}
	CU_ASSERT_TRUE(rig.c->out.backlog < 2 * WORKER_HIGH_WATER);
	CU_ASSERT_TRUE(rig.app.started < asked);
	rig_turn(&rig, true);
	CU_ASSERT_TRUE(rig.app.started + 1 >= asked);
	rig_close(&rig);
}

static ssize_t
counted_write(void *to, const struct iovec *iov, int n, bool more)
{
	size_t total = 0;

	(void)more;
	++*(int *)to;
	for (int i = 0; i < n; i++)
		total += iov[i].iov_len;
	return (ssize_t)total;
}

static void
counted_reading(void *to, bool on)
{
	(void)to;
	(void)on;
}

static void
counted_none(void *to)
{
	(void)to;
}

static void
counted_close(void *to, bool reset)
{
	(void)to;
	(void)reset;
}

static bool
counted_linger(void *to)
{
	(void)to;
	return false;
}

static const struct worker_transport counted = {
	{ .write = counted_write }, counted_reading, counted_none, counted_linger, counted_close
};

static void
test_one_write_per_turn(void)
{
	struct worker_conn *c;
	char text[32 * 64] = "";
	struct rig rig;
	int writes = 0;

	rig_open(&rig, NULL);
	c = worker_conn_new_over(rig.w, &counted, &writes);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	for (int i = 0; i < 16; i++)
		strcat(text, GET("/hello"));
	worker_conn_feed(c, text, strlen(text));
	rig_turn(&rig, true);
	CU_ASSERT_EQUAL(rig.app.started, 16);
	CU_ASSERT_EQUAL(writes, 1);
	/* A head and the content that comes in the same turn. */
	worker_conn_feed(c, GET("/stream/1"), sizeof(GET("/stream/1")) - 1);
	rig_turn(&rig, true);
	CU_ASSERT_EQUAL(rig.app.ended, 17);
	CU_ASSERT_EQUAL(writes, 2);
	worker_conn_kill(c);
	rig_close(&rig);
}

/* The head of a request stays readable while what follows comes in. */
static void
test_head_does_not_move(void)
{
	static char much[128 * 1024];
	struct rig rig;

	memset(much, 'x', sizeof(much));
	rig_open(&rig, NULL);
	rig_say(&rig, GET("/late/50"));
	must(io_turn_poll(rig.turn, false) == 0);
	io_turn_run(rig.turn);
	CU_ASSERT_EQUAL(rig.c->state, CONN_RUNNING);
	for (int i = 0; i < 20; i++) {
		send(rig.client, much, 8000, MSG_NOSIGNAL);
		must(io_turn_poll(rig.turn, false) == 0);
		CU_ASSERT_TRUE(slice_equal(rig.c->x.req.path, SLICE_LIT("/late/50")));
		CU_ASSERT_TRUE(slice_equal(rig.c->x.req.headers[0].value, SLICE_LIT("a")));
	}
	CU_ASSERT_TRUE(worker_input_unused(&rig.c->input) <= WORKER_HIGH_WATER);
	CU_ASSERT_FALSE(rig.c->reading);
	rig_close(&rig);
}

/* Each answer makes room for as much as was used, not for more. */
static void
test_a_client_that_sends_ahead_without_end_is_read_in_portions(void)
{
	static char ahead[16 * 1024];
	const size_t each = sizeof(GET("/late/1")) - 1;
	size_t most = 0, answers;
	struct rig rig;

	for (size_t i = 0; i + each <= sizeof(ahead); i += each)
		memcpy(ahead + i, GET("/late/1"), each);
	rig_open(&rig, NULL);
	for (int i = 0; i < 3000; i++) {
		const struct worker_input *in = &rig.c->input;

		while (send(rig.client, ahead, sizeof(ahead) / each * each, MSG_NOSIGNAL) > 0)
			continue;
		must(io_turn_poll(rig.turn, false) == 0);
		io_turn_run(rig.turn);
		io_turn_flush(rig.turn);
		CU_ASSERT_TRUE(worker_input_unused(in) <= WORKER_HIGH_WATER);
		if (in->now.cap + in->ahead.cap > most)
			most = in->now.cap + in->ahead.cap;
	}
	CU_ASSERT_TRUE(most <= 3 * WORKER_HIGH_WATER);
	answers = rig_count(&rig, SHM_COUNT_answers_2xx);
	CU_ASSERT_TRUE(answers > 500);
	rig_turn(&rig, true);
	CU_ASSERT_TRUE(rig_count(&rig, SHM_COUNT_answers_2xx) > answers);
	rig_close(&rig);
}

static void
test_half_close_still_gets_every_answer(void)
{
	struct rig rig;

	rig_open(&rig, NULL);
	rig_say(&rig, GET("/hello") GET("/late/3") GET("/hello"));
	shutdown(rig.client, SHUT_WR);
	rig_expect(&rig, "", OK("5", "hello") OK("4", "late") OK("5", "hello"));
	CU_ASSERT_TRUE(rig.end);
	CU_ASSERT_TRUE(rig_gone(&rig));
	rig_close(&rig);
}

static void
test_half_close_inside_a_head(void)
{
	struct rig rig;

	rig_open(&rig, NULL);
	rig_say(&rig, GET("/hello") "GET / HT");
	shutdown(rig.client, SHUT_WR);
	rig_expect(&rig, "", OK("5", "hello"));
	CU_ASSERT_TRUE(rig.end);
	CU_ASSERT_EQUAL(rig.app.started, 1);
	rig_close(&rig);
}

static void
test_client_leaves_while_the_application_waits(void)
{
	struct rig rig;

	rig_open(&rig, NULL);
	rig_expect(&rig, GET("/wait"), "");
	shutdown(rig.client, SHUT_WR);
	rig_expect(&rig, "", OK("6", "waited"));
	CU_ASSERT_EQUAL(rig.app.disconnected, 1);
	rig_close(&rig);
}

static void
test_limits(void)
{
	struct worker_options o = rig_options();
	struct rig rig;

	o.conf.limit_line = 100;
	o.conf.limit_fields = 2;
	o.conf.limit_head = 400;
	rig_open(&rig, &o);
	rig_expect(&rig, "GET /hello HTTP/1.1\r\nHost: a\r\nA: b\r\nC: d\r\n\r\n",
	    REFUSED("431 Request Header Fields Too Large", "Request Header Fields Too Large",
	    "31"));
	CU_ASSERT_TRUE(rig.end);
	CU_ASSERT_EQUAL(rig_count(&rig, SHM_COUNT_refused), 1);
	CU_ASSERT_EQUAL(rig.app.started, 0);
	rig_close(&rig);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "one_request_one_answer", test_one_request_one_answer },
		{ "split_at_every_byte", test_split_at_every_byte },
		{ "one_byte_segments", test_one_byte_segments },
		{ "pipelines_in_order", test_pipelines_in_order },
		{ "pipelines_end_at_the_first_refused", test_pipelines_end_at_the_first_refused },
		{ "pipeline_without_a_reader_waits", test_pipeline_without_a_reader_waits },
		{ "one_write_per_turn", test_one_write_per_turn },
		{ "head_does_not_move", test_head_does_not_move },
		{ "a_client_that_sends_ahead_without_end_is_read_in_portions",
		    test_a_client_that_sends_ahead_without_end_is_read_in_portions },
		{ "half_close_still_gets_every_answer", test_half_close_still_gets_every_answer },
		{ "half_close_inside_a_head", test_half_close_inside_a_head },
		{ "client_leaves_while_the_application_waits",
		    test_client_leaves_while_the_application_waits },
		{ "limits", test_limits },
		CU_TEST_INFO_NULL,
	};

	return suite_run("worker: requests", tests);
}
