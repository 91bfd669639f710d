/*
 * test_master_control: a peer that takes its answer in pieces, or not at all.
 */
#include <CUnit/Basic.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "master_fixture.h"
#include "tests/unit/suite.h"

static struct master *m;
static struct master_peer *peer;
static int other;

/* A peer whose connection takes little at a time. */
static void
begin(void)
{
	int pair[2], least = 1;

	m = fixture_new(1);
	m->boards_fd = -1;
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
	other = pair[1];
	peer = &m->control.at[0];
	*peer = (struct master_peer){ .state = PEER_ASKS, .fd = pair[0],
	    .until_ms = clock_monotonic_ms() + 1000000 };
}

static void
end(void)
{
	close(other);
	fixture_free(m);
}

static void
ask(const char *line)
{
	CU_ASSERT_EQUAL(master_control_events(peer), POLLIN);
	CU_ASSERT_EQUAL(send(other, line, strlen(line), 0), (ssize_t)strlen(line));
	master_control_go_on(m, peer);
}

static void
test_an_answer_goes_as_it_is_taken(void)
{
	static char answer[CONTROL_ANSWER_MAX];
	size_t len = 0, rounds = 0;
	ssize_t n;

	begin();
	ask("config\n");
	CU_ASSERT_EQUAL_FATAL(peer->state, PEER_IS_TOLD);
	CU_ASSERT_TRUE(peer->sent < peer->len);
	while (peer->state == PEER_IS_TOLD && rounds++ < 10000) {
		CU_ASSERT_EQUAL(master_control_events(peer), POLLOUT);
		n = recv(other, answer + len, sizeof(answer) - len, MSG_DONTWAIT);
		len += n > 0 ? (size_t)n : 0;
		master_control_go_on(m, peer);
	}
	CU_ASSERT_EQUAL(peer->state, PEER_FREE);
	CU_ASSERT_TRUE(rounds > 0);
	while ((n = recv(other, answer + len, sizeof(answer) - len, 0)) > 0)
		len += (size_t)n;
	CU_ASSERT_PTR_EQUAL(memchr(answer, '\n', len), answer + len - 1);
	CU_ASSERT_EQUAL(memcmp(answer, "{\"ok\":true,\"settings\":[", 23), 0);
	end();
}

static void
test_who_does_not_read_is_dropped(void)
{
	begin();
	ask("config\n");
	CU_ASSERT_EQUAL(peer->state, PEER_IS_TOLD);
	CU_ASSERT_EQUAL(master_control_next_ms(&m->control), peer->until_ms);
	master_control_look(m, peer->until_ms - 1);
	CU_ASSERT_EQUAL(peer->state, PEER_IS_TOLD);
	master_control_look(m, peer->until_ms);
	CU_ASSERT_EQUAL(peer->state, PEER_FREE);
	end();
}

static void
test_who_waits_has_no_deadline(void)
{
	begin();
	ask("reload wait\n");
	CU_ASSERT_EQUAL(peer->state, PEER_WAITS_RELOAD);
	CU_ASSERT_EQUAL(master_control_next_ms(&m->control), 0);
	CU_ASSERT_EQUAL(master_control_events(peer), 0);
	m->reload.ended = m->reload.begun = peer->reload;
	master_control_look(m, 0);
	CU_ASSERT_EQUAL(peer->state, PEER_FREE);	/* it has its answer */
	end();
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "test_an_answer_goes_as_it_is_taken", test_an_answer_goes_as_it_is_taken },
		{ "test_who_does_not_read_is_dropped", test_who_does_not_read_is_dropped },
		{ "test_who_waits_has_no_deadline", test_who_waits_has_no_deadline },
		CU_TEST_INFO_NULL,
	};

	return suite_run("master_control", tests);
}
