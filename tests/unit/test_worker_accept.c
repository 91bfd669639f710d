/*
 * Accepting over real TCP: addresses, running out of descriptors, and the share of the
 * connections among workers.
 */
#include <CUnit/Basic.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/must.h"
#include "tests/unit/suite.h"
#include "tests/unit/worker_fixture.h"
#include "worker/accept.h"

static struct sockaddr_in address;

/* The rig with a listening socket; its own client stays unused. */
static int
listening(struct rig *rig, in_addr_t ip)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(address);

	address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(ip) };
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	CU_ASSERT_EQUAL_FATAL(listen(fd, 512), 0);
	getsockname(fd, (struct sockaddr *)&address, &len);
	rig_open(rig, NULL);
	CU_ASSERT_EQUAL(worker_accept_listen(rig->w, fd), 0);
	return fd;
}

static int
connected(void)
{
	struct sockaddr_in to = address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

/* Ask, turn, and look whether an answer came. */
static bool
served(struct rig *rig, int fd)
{
	char answer[512];

	send(fd, GET("/hello"), sizeof(GET("/hello")) - 1, MSG_NOSIGNAL);
	rig_turn(rig, false);
	return recv(fd, answer, sizeof(answer), 0) > 0;
}

static void
test_addresses(void)
{
	static const in_addr_t ips[] = { INADDR_LOOPBACK, INADDR_ANY };

	for (int i = 0; i < 2; i++) {
		struct sockaddr_in own;
		socklen_t len = sizeof(own);
		struct rig rig;
		int listener = listening(&rig, ips[i]), fd = connected();
		struct hx_exchange *x;

		rig_turn(&rig, false);
		CU_ASSERT_EQUAL_FATAL(rig.w->open, 2);
		/* Behind the rig's own. */
		x = &container_of(rig.w->conns.ring.prev, struct worker_conn, node)->x;
		getsockname(fd, (struct sockaddr *)&own, &len);
		CU_ASSERT_TRUE(slice_equal(x->peer.host, SLICE_LIT("127.0.0.1")));
		CU_ASSERT_EQUAL(x->peer.port, ntohs(own.sin_port));
		CU_ASSERT_TRUE(slice_equal(x->server_host, SLICE_LIT("127.0.0.1")));
		CU_ASSERT_EQUAL(x->server_port, ntohs(address.sin_port));
		CU_ASSERT_TRUE(slice_equal(x->peer.scheme, SLICE_LIT("http")));
		CU_ASSERT_TRUE(served(&rig, fd));
		CU_ASSERT_EQUAL(rig_count(&rig, SHM_COUNT_connections_accepted), 1);
		close(fd);
		rig_close(&rig);
		close(listener);
	}
}

/* A reset before and in the middle of an answer leaves nothing behind. */
static void
test_reset(void)
{
	static const struct linger at_once = { 1, 0 };
	static const char *const requests[] = {
		"", "GET / HTT", GET("/wait"), GET("/stream/100000"),
		POST("/echo", "Content-Length: 9", "0"), POST("/read", "Content-Length: 9", "0"),
	};
	struct rig rig;
	int listener = listening(&rig, INADDR_LOOPBACK);

	for (int i = 0; i < 6; i++) {
		int fd = connected();

		send(fd, requests[i], strlen(requests[i]), MSG_NOSIGNAL);
		rig_turn(&rig, false);
		CU_ASSERT_EQUAL(rig.w->open, 2);
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		close(fd);
		rig_turn(&rig, false);
		CU_ASSERT_EQUAL(rig.w->open, 1);
	}
	CU_ASSERT_EQUAL(rig.app.aborted, 3);
	rig_close(&rig);
	close(listener);
}

/* CPU time stays near nothing while there are no descriptors, and service goes
 * on when there are. */
static void
test_out_of_descriptors(void)
{
	struct rlimit old, tight;
	struct timespec before, after;
	int listener, fds[40], blocked[200], n_blocked = 0;
	struct rig rig;

	listener = listening(&rig, INADDR_LOOPBACK);
	for (int i = 0; i < 40; i++)
		fds[i] = connected();
	getrlimit(RLIMIT_NOFILE, &old);
	tight = old;
	tight.rlim_cur = 128;
	setrlimit(RLIMIT_NOFILE, &tight);
	while (n_blocked < 200 && (blocked[n_blocked] = dup(0)) >= 0)
		n_blocked++;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	for (int i = 0; i < 30; i++) {
		/* A blocking poll would spin here if the listener stayed ready. */
		must(io_turn_poll(rig.turn, true) == 0);
		io_turn_run(rig.turn);
		io_turn_flush(rig.turn);
		if (rig_count(&rig, SHM_COUNT_accept_errors) >= 3)
			break;
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	CU_ASSERT_EQUAL(rig_count(&rig, SHM_COUNT_accept_errors), 3);
	CU_ASSERT_TRUE((after.tv_sec - before.tv_sec) * 1000 +
	    (after.tv_nsec - before.tv_nsec) / 1000000 < 50);
	while (n_blocked > 0)
		close(blocked[--n_blocked]);
	setrlimit(RLIMIT_NOFILE, &old);
	/* Three were turned away with the reserve, the rest are served. */
	for (int i = 0; i < 1000 && rig.w->open < 1 + 40 - 3; i++)
		rig_wait(&rig, 5);
	CU_ASSERT_EQUAL(rig.w->open, 1 + 40 - 3);
	CU_ASSERT_TRUE(served(&rig, fds[39]));
	for (int i = 0; i < 40; i++)
		close(fds[i]);
	rig_close(&rig);
	close(listener);
}

/* Another worker: what it says of itself, and how long ago. */
struct other {
	uint64_t open, active;
	unsigned age_s;
	enum shm_board_state state;
};

/* It has turned its loop, so long ago. */
static void
board_beat(struct shm_board *b, const struct other *other)
{
	shm_board_beat(b, clock_monotonic_ns() - other->age_s * UINT64_C(1000000000));
}

static void
board_set(struct shm_board *b, const struct other *other)
{
	shm_board_claim(b, 1, 1);
	shm_board_state(b, other->state);
	shm_board_set(b, SHM_COUNT_connections_open, other->open);
	shm_board_set(b, SHM_COUNT_requests_active, other->active);
	board_beat(b, other);
}

/* Connections taken from a queue of four in each of the first turns, as digits,
 * with four connections open here; then all are taken. */
static const char *
taken(const struct other *other)
{
	static char digits[4];
	int boards = shm_boards_create("test", 8), listener, fds[8];
	struct shm_board *left = shm_board_attach(boards, 0);
	struct shm_board *b = shm_board_attach(boards, 1);
	struct shm_boards all;
	struct rig rig;

	CU_ASSERT_EQUAL_FATAL(shm_boards_attach(&all, boards), 0);
	close(boards);
	listener = listening(&rig, INADDR_LOOPBACK);
	for (int i = 0; i < 4; i++)
		fds[i] = connected();
	for (int i = 0; i < 4; i++)
		must(io_turn_poll(rig.turn, false) == 0);
	CU_ASSERT_EQUAL(rig.w->open, 5);
	for (int i = 4; i < 8; i++)
		fds[i] = connected();
	board_set(left, &(struct other){ 0, 0, 60, SHM_BOARD_SERVING });
	board_set(b, other);
	rig.w->options.boards = all;
	for (int i = 0; i < 3; i++) {
		uint64_t before = rig.w->open;

		board_beat(b, other);	/* this process may have slept meanwhile */
		must(io_turn_poll(rig.turn, false) == 0);
		digits[i] = (char)('0' + rig.w->open - before);
	}
	rig_wait(&rig, 100);
	CU_ASSERT_EQUAL(rig.w->open, 9);
	for (int i = 0; i < 8; i++)
		close(fds[i]);
	rig_close(&rig);
	close(listener);
	shm_board_detach(left);
	shm_board_detach(b);
	shm_boards_detach(&all);
	return digits;
}

static void
test_share_of_the_connections(void)
{
	static const enum shm_board_state serving = SHM_BOARD_SERVING;

	/* It is idle and has fewer: every other turn is its. */
	CU_ASSERT_STRING_EQUAL(taken(&(struct other){ 2, 0, 0, serving }), "010");
	/* It is busy, has as many, is stuck, ends, or was never there. */
	CU_ASSERT_STRING_EQUAL(taken(&(struct other){ 2, 1, 0, serving }), "111");
	CU_ASSERT_STRING_EQUAL(taken(&(struct other){ 9, 0, 0, serving }), "111");
	CU_ASSERT_STRING_EQUAL(taken(&(struct other){ 2, 0, 2, serving }), "111");
	CU_ASSERT_STRING_EQUAL(taken(&(struct other){ 2, 0, 0, SHM_BOARD_DRAINING }), "111");
	CU_ASSERT_STRING_EQUAL(taken(&(struct other){ 2, 0, 0, SHM_BOARD_EMPTY }), "111");
}

/* A worker with clearly more connections waits, and then takes one regardless. */
static void
test_a_clearly_smaller_share(void)
{
	struct rig rig;
	int boards = shm_boards_create("test", 1), listener, fds[40];
	struct shm_board *b = shm_board_attach(boards, 0);
	uint64_t before;

	listener = listening(&rig, INADDR_LOOPBACK);
	for (int i = 0; i < 40; i++)
		fds[i] = connected();
	for (int i = 0; i < 16; i++)
		must(io_turn_poll(rig.turn, false) == 0);
	CU_ASSERT_EQUAL(rig.w->open, 17);	/* one a turn */
	board_set(b, &(struct other){ 1, 0, 0, SHM_BOARD_SERVING });
	CU_ASSERT_EQUAL(shm_boards_attach(&rig.w->options.boards, boards), 0);
	before = rig.w->open;
	must(io_turn_poll(rig.turn, false) == 0);
	must(io_turn_poll(rig.turn, false) == 0);
	CU_ASSERT_EQUAL(rig.w->open, before);
	shm_board_state(b, SHM_BOARD_DRAINING);
	rig_wait(&rig, 150);
	CU_ASSERT_EQUAL(rig.w->open, 41);
	for (int i = 0; i < 40; i++)
		close(fds[i]);
	shm_boards_detach(&rig.w->options.boards);
	rig_close(&rig);
	close(listener);
	shm_board_detach(b);
	close(boards);
}

/* That one listener's turn is left to another worker says nothing of the other's. */
static void
test_each_listener_leaves_its_own_turn(void)
{
	struct rig rig;
	int boards = shm_boards_create("test", 1), listener, second, fds[8];
	struct shm_board *b = shm_board_attach(boards, 0);

	listener = listening(&rig, INADDR_LOOPBACK);
	second = dup(listener);
	CU_ASSERT_EQUAL(worker_accept_listen(rig.w, second), 0);
	for (int i = 0; i < 8; i++)
		fds[i] = connected();
	must(io_turn_poll(rig.turn, false) == 0);
	must(io_turn_poll(rig.turn, false) == 0);
	CU_ASSERT_EQUAL(rig.w->open, 5);	/* one a turn and listener */
	board_set(b, &(struct other){ 2, 0, 0, SHM_BOARD_SERVING });
	CU_ASSERT_EQUAL(shm_boards_attach(&rig.w->options.boards, boards), 0);
	must(io_turn_poll(rig.turn, false) == 0);
	CU_ASSERT_EQUAL(rig.w->open, 5);
	must(io_turn_poll(rig.turn, false) == 0);
	CU_ASSERT_EQUAL(rig.w->open, 7);
	rig_turn(&rig, false);
	for (int i = 0; i < 8; i++)
		close(fds[i]);
	shm_boards_detach(&rig.w->options.boards);
	rig_close(&rig);
	close(listener);
	close(second);
	shm_board_detach(b);
	close(boards);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "addresses", test_addresses },
		{ "reset", test_reset },
		{ "out_of_descriptors", test_out_of_descriptors },
		{ "share_of_the_connections", test_share_of_the_connections },
		{ "a_clearly_smaller_share", test_a_clearly_smaller_share },
		{ "each_listener_leaves_its_own_turn", test_each_listener_leaves_its_own_turn },
		CU_TEST_INFO_NULL,
	};

	return suite_run("worker: accept, drain", tests);
}
