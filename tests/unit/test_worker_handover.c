/*
 * Connections that go from one worker to another, over the pair that the master makes.
 */
#include <CUnit/Basic.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/suite.h"
#include "tests/unit/worker_fixture.h"

static int pair[2];	/* where is taken, and where is given */

/* As the master does: the test of many needs more than some systems have at first. */
static void
descriptors_raise(void)
{
	struct rlimit limit;

	CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* Two workers, each with a client, between which the pair stands. */
static void
open_both(struct rig *old, struct rig *new)
{
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX,
	    SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	rig_open(old, NULL);
	rig_open(new, NULL);
	worker_handover_take(old->w, pair[0], pair[1]);
	worker_handover_take(new->w, pair[0], pair[1]);
}

static void
close_both(struct rig *old, struct rig *new)
{
	rig_close(old);
	rig_close(new);
	close(pair[0]);
	close(pair[1]);
}

/* The answer to what has been sent, which another worker gives to the client of `rig`. */
static void
expect_of(struct rig *rig, struct rig *other, const char *answers)
{
	rig_turn(other, false);
	rig_expect(rig, "", answers);
}

static void
test_a_connection_goes_when_it_rests(void)
{
	struct rig old, new;

	open_both(&old, &new);
	rig_expect(&old, GET("/hello"), OK("5", "hello"));
	worker_drain(old.w, 30000, true);
	rig_turn(&old, true);
	CU_ASSERT_TRUE(rig_gone(&old));
	CU_ASSERT_FALSE(old.end);
	rig_turn(&new, true);
	CU_ASSERT_EQUAL(new.w->open, 2);
	rig_say(&old, GET("/hello"));
	expect_of(&old, &new, OK("5", "hello"));
	CU_ASSERT_FALSE(old.end);
	close_both(&old, &new);
}

/* The request that runs is answered by the old worker, those behind it by the new one. */
static void
test_what_was_read_ahead_goes_along(void)
{
	struct rig old, new;

	open_both(&old, &new);
	rig_say(&old, GET("/late/9") GET("/hello") "GET /hel");
	CU_ASSERT_EQUAL_FATAL(io_turn_poll(old.turn, false), 0);
	io_turn_run(old.turn);
	CU_ASSERT_EQUAL_FATAL(old.c->state, CONN_RUNNING);
	worker_drain(old.w, 30000, true);
	rig_expect(&old, "", OK("4", "late"));
	CU_ASSERT_TRUE(rig_gone(&old));
	expect_of(&old, &new, OK("5", "hello"));
	rig_say(&old, "lo HTTP/1.1\r\nHost: a\r\n\r\n");
	expect_of(&old, &new, OK("5", "hello"));
	close_both(&old, &new);
}

/* It goes when its answer is sent. What the client sends until then is not read. */
static void
test_an_answer_is_sent_first(void)
{
	struct rig old, new;
	uint64_t read;

	open_both(&old, &new);
	rig_say(&old, GET("/big/3000000"));
	rig_turn(&old, false);
	worker_drain(old.w, 30000, true);
	read = rig_count(&old, SHM_COUNT_bytes_in);
	rig_say(&old, GET("/hello"));
	rig_turn(&old, false);
	CU_ASSERT_EQUAL(old.w->open, 1);
	CU_ASSERT_EQUAL(rig_count(&old, SHM_COUNT_bytes_in), read);
	rig_turn(&old, true);
	CU_ASSERT_TRUE(rig_gone(&old));
	CU_ASSERT_TRUE(old.got_len > 3000000);
	CU_ASSERT_PTR_NULL(strstr(old.got, "connection: close"));
	old.got_len = 0;
	old.got[0] = '\0';
	expect_of(&old, &new, OK("5", "hello"));
	close_both(&old, &new);
}

/* A connection of the rig's worker beside the first; its client's end. */
static int
another(struct rig *rig)
{
	struct sockaddr peer = { .sa_family = AF_UNIX };
	int ends[2];

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(worker_conn_new(rig->w, ends[0], &peer, NULL));
	return ends[1];
}

/* The answer that one of the workers gives to `client`, or what there is of it. */
static const char *
asked(int client, struct rig *old, struct rig *new)
{
	static char answer[1024];
	ssize_t n;

	CU_ASSERT_TRUE(send(client, GET("/hello"), sizeof(GET("/hello")) - 1, MSG_NOSIGNAL) > 0);
	rig_turn(old, false);
	rig_turn(new, false);
	n = recv(client, answer, sizeof(answer) - 1, 0);
	answer[n > 0 ? n : 0] = '\0';
	return answer;
}

/* Those that find no room are served on, and go when there is some. */
static void
test_more_than_there_is_room_for(void)
{
	enum { MANY = 600 };
	static int clients[MANY];
	struct rig old, new;
	uint64_t stayed;

	descriptors_raise();
	open_both(&old, &new);
	for (int i = 0; i < MANY; i++)
		clients[i] = another(&old);
	worker_drain(old.w, 30000, true);
	rig_turn(&old, false);
	stayed = old.w->open;
	CU_ASSERT_TRUE(stayed > 0 && stayed < MANY);
	CU_ASSERT_PTR_NOT_NULL(strstr(asked(clients[MANY - 1], &old, &old), "hello"));
	for (int i = 0; i < MANY && rig_count(&new, SHM_COUNT_connections_taken) <= MANY; i++) {
		rig_turn(&new, false);
		rig_turn(&old, false);
	}
	CU_ASSERT_TRUE(rig_gone(&old));
	CU_ASSERT_EQUAL(rig_count(&new, SHM_COUNT_connections_taken), MANY + 1);
	for (int i = 0; i < MANY; i++) {
		const char *answer = asked(clients[i], &old, &new);

		CU_ASSERT_PTR_NOT_NULL(strstr(answer, "hello"));
		CU_ASSERT_PTR_NULL(strstr(answer, "connection: close"));
		close(clients[i]);
	}
	close_both(&old, &new);
}

/* A head that does not fit into a packet is answered here, and the client is told of the end. */
static void
test_too_much_was_read_ahead(void)
{
	static char ahead[100000];
	struct worker_options options = rig_options();
	struct rig old, new;

	options.conf.limit_head = options.conf.limit_field = sizeof(ahead);
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX,
	    SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	rig_open(&old, &options);
	rig_open(&new, NULL);
	worker_handover_take(old.w, pair[0], pair[1]);
	memset(ahead, 'x', sizeof(ahead));
	memcpy(ahead, "GET /hello HTTP/1.1\r\nHost: a\r\nX: ", 33);
	rig_send(&old, ahead, 70000);
	rig_turn(&old, true);
	worker_drain(old.w, 30000, true);
	CU_ASSERT_EQUAL_FATAL(old.w->open, 1);
	CU_ASSERT_TRUE(old.c->stays);
	rig_expect(&old, "\r\n\r\n",
	    "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello");
	CU_ASSERT_TRUE(old.end);
	close_both(&old, &new);
}

/* A packet with this descriptor, -1: with none. */
static void
put(const char *bytes, size_t len, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec part = { (char *)(uintptr_t)bytes, len };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	if (fd >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
	}
	CU_ASSERT_EQUAL_FATAL(sendmsg(pair[1], &message, MSG_NOSIGNAL), (ssize_t)len);
}

static int
descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 1000; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void
test_what_is_no_connection_is_left_out(void)
{
	struct rig old, new;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), before;

	open_both(&old, &new);
	before = descriptors();
	put("", 0, null);
	put("abc", 3, null);
	put("abcd", 4, null);
	put("abcdGET / HTTP/1.1\r\n\r\n", 22, old.client);
	put("abcd", 4, -1);
	put("1HRF", 4, null);
	put("1HRF", 4, -1);
	rig_turn(&new, false);
	CU_ASSERT_EQUAL(new.w->open, 1);
	CU_ASSERT_EQUAL(descriptors(), before);
	worker_drain(old.w, 30000, true);
	rig_turn(&old, false);
	rig_turn(&new, false);
	CU_ASSERT_EQUAL(new.w->open, 2);
	close(null);
	close_both(&old, &new);
}

/* A worker that could not keep it leaves it where it is. */
static void
test_none_is_lost_without_free_descriptors(void)
{
	struct rlimit limit, none;
	struct rig old, new;

	open_both(&old, &new);
	worker_drain(old.w, 30000, true);
	rig_turn(&old, false);
	CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 3;
	CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_NOFILE, &none), 0);
	rig_turn(&new, false);
	CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_NOFILE, &limit), 0);
	CU_ASSERT_EQUAL(new.w->open, 1);
	CU_ASSERT_EQUAL(rig_count(&new, SHM_COUNT_accept_errors), 1);
	for (int i = 0; i < 1000 && new.w->open < 2; i++)
		rig_wait(&new, 5);
	rig_say(&old, GET("/hello"));
	expect_of(&old, &new, OK("5", "hello"));
	close_both(&old, &new);
}

/* A worker that ends while nobody else serves takes what is there, and says that it closes. */
static void
test_the_last_worker_takes_what_is_there(void)
{
	struct rig old, new;

	open_both(&old, &new);
	worker_drain(old.w, 30000, true);
	rig_turn(&old, false);
	worker_drain(new.w, 30000, false);
	CU_ASSERT_EQUAL(new.w->open, 2);
	rig_say(&old, GET("/hello"));
	expect_of(&old, &new, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello");
	close_both(&old, &new);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "a_connection_goes_when_it_rests", test_a_connection_goes_when_it_rests },
		{ "what_was_read_ahead_goes_along", test_what_was_read_ahead_goes_along },
		{ "an_answer_is_sent_first", test_an_answer_is_sent_first },
		{ "more_than_there_is_room_for", test_more_than_there_is_room_for },
		{ "too_much_was_read_ahead", test_too_much_was_read_ahead },
		{ "what_is_no_connection_is_left_out", test_what_is_no_connection_is_left_out },
		{ "none_is_lost_without_free_descriptors",
		    test_none_is_lost_without_free_descriptors },
		{ "the_last_worker_takes_what_is_there", test_the_last_worker_takes_what_is_there },
		CU_TEST_INFO_NULL,
	};

	return suite_run("worker: handover", tests);
}
