/*
 * test_master_zygote: workers that are forked by a zygote, and spares that become workers:
 * what the master asks for, and whom it believes.
 */
#include <CUnit/Basic.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/wire.h"
#include "master/conf.h"
#include "master/overdue.h"
#include "master/reap.h"
#include "master/replies.h"
#include "master/zygote.h"
#include "master_fixture.h"
#include "tests/unit/suite.h"

/* A generation that is coming, whose zygote can fork: the zygote. */
static struct master_child *
zygote_ready(struct master *m)
{
	struct master_child *zygote;

	fixture_conf(m)->values.preload = true;
	master_generation_load(m, m->conf);
	zygote = fixture_child(m, m->coming, ROLE_ZYGOTE, 0);
	fixture_say(m, zygote, WIRE_BEGUN);
	CU_ASSERT_EQUAL(fixture_count(m, m->coming, ROLE_WORKER), 0);
	fixture_say(m, zygote, WIRE_IMPORTED);
	CU_ASSERT_EQUAL(fixture_count(m, m->coming, ROLE_WORKER), m->n_workers);
	return zygote;
}

/* A process that is a child of ours and waits to be killed. */
static pid_t
sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	return pid;
}

/* The other end of the channel of the worker that a FORK order is for. */
static int
channel_received(const struct master *m, const struct master_child *zygote, char text[256])
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec part = { text, 255 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes,
	    .msg_controllen = sizeof(control.bytes) };
	ssize_t n = recvmsg(fixture_other(m, zygote), &message, MSG_DONTWAIT);
	int fd = -1;

	text[n > 0 ? n : 0] = '\0';
	CU_ASSERT_PTR_NOT_NULL_FATAL(CMSG_FIRSTHDR(&message));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

static void
say(int fd, const char *text)
{
	CU_ASSERT_EQUAL(send(fd, text, strlen(text), 0), (ssize_t)strlen(text));
}

static void
test_workers_are_forked(void)
{
	struct master *m = fixture_new(1);
	struct master_child *zygote = zygote_ready(m), *worker = fixture_worker(m, m->coming, 0);
	char text[256], want[256];
	pid_t pid = sleeper();
	int other;

	CU_ASSERT_EQUAL(worker->pid, MASTER_PID_UNKNOWN);
	other = channel_received(m, zygote, text);
	snprintf(want, sizeof(want), WIRE_FORK " name=worker 0\trole=worker\tboard=0\tloads=1\tagain=0"
	    "\tmaster=%ld", (long)getpid());
	CU_ASSERT_STRING_EQUAL(text, want);
	snprintf(text, sizeof(text), WIRE_FORKED " %ld", (long)pid);
	say(other, WIRE_IMPORTED);	/* by a fork hook of the application's: it counts for nothing */
	CU_ASSERT_TRUE(master_replies_read(m, worker));
	CU_ASSERT_FALSE(worker->imported);
	CU_ASSERT_EQUAL(fixture_count(m, m->coming, ROLE_WORKER), 1);
	say(other, text);
	CU_ASSERT_EQUAL(write(m->coming->table_fd, "table", 5), 5);
	say(other, WIRE_DONE " 5 3.11 0.165");
	say(other, WIRE_READY);
	CU_ASSERT_TRUE(master_replies_read(m, worker));
	CU_ASSERT_EQUAL(worker->pid, pid);
	CU_ASSERT_TRUE(worker->begun && worker->imported);
	CU_ASSERT_TRUE(master_replies_read(m, worker));
	CU_ASSERT_EQUAL(m->coming->state, GENERATION_STARTING);
	CU_ASSERT_TRUE(master_replies_read(m, worker));
	CU_ASSERT_PTR_NOT_NULL(m->serving);
	/* Its end is as any other's. */
	kill(pid, SIGKILL);
	CU_ASSERT_EQUAL(waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT), 0);
	master_reap(m);
	CU_ASSERT_NOT_EQUAL(m->slots[0].spawn_at_ms, 0);
	close(other);
	fixture_free(m);
}

/* Whose id it is not gets no signal, whatever the channel says. */
static void
test_a_process_that_is_no_child_is_not_believed(void)
{
	static const char *const words[] = { "1", "0", "-1", "-5", "", "x", "99999999999" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct master *m = fixture_new(1);
		struct master_child *zygote = zygote_ready(m);
		struct master_child *worker = fixture_worker(m, m->coming, 0);
		char text[256];
		int other = channel_received(m, zygote, text);

		snprintf(text, sizeof(text), WIRE_FORKED " %s", words[i]);
		say(other, text);
		CU_ASSERT_TRUE(master_replies_read(m, worker));
		CU_ASSERT_EQUAL(worker->pid, MASTER_PID_UNKNOWN);
		CU_ASSERT_EQUAL(fixture_logged("worker 0 is not the process that it says"), 1);
		master_reap_lost(m);
		CU_ASSERT_EQUAL(worker->pid, 0);
		CU_ASSERT_EQUAL(m->exit_code, WIRE_EXIT_BUG);
		close(other);
		fixture_free(m);
	}
}

/* A zygote that dies while it forks: the worker's channel closes. */
static void
test_a_worker_that_is_never_forked_is_as_dead(void)
{
	struct master *m = fixture_new(1);
	struct master_child *zygote = zygote_ready(m), *worker = fixture_worker(m, m->coming, 0);
	char text[256];

	close(channel_received(m, zygote, text));
	CU_ASSERT_FALSE(master_replies_read(m, worker));
	master_reap_lost(m);
	CU_ASSERT_EQUAL(worker->pid, 0);
	CU_ASSERT_TRUE(m->stopping);
	CU_ASSERT_EQUAL(fixture_logged("worker 0 was not forked"), 1);
	fixture_free(m);
}

/* It has said who it is, and nobody has read that before its death. */
static void
test_one_that_dies_at_once_has_its_cause(void)
{
	struct master *m = fixture_new(1);
	struct master_child *zygote = zygote_ready(m);
	char text[256];
	int other = channel_received(m, zygote, text);
	pid_t pid = fork();

	if (pid == 0)
		_exit(7);
	snprintf(text, sizeof(text), WIRE_FORKED " %ld", (long)pid);
	say(other, text);
	close(other);
	CU_ASSERT_EQUAL(waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT), 0);
	master_reap(m);
	CU_ASSERT_EQUAL(fixture_logged("worker 0 ended with exit status 7"), 1);
	CU_ASSERT_EQUAL(fixture_count(m, NULL, ROLE_WORKER), 0);
	fixture_free(m);
}

/* The time for a fork is over: the zygote gets no further order, and what it forks is given up. */
static void
test_a_zygote_that_hangs_is_given_up(void)
{
	pid_t pid = sleeper();		/* before the channels, which it would keep open */
	struct master *m = fixture_new(1);
	struct master_child *zygote = zygote_ready(m), *worker = fixture_worker(m, m->coming, 0);
	uint64_t now_ms = clock_monotonic_ms();
	char text[256];
	int other = channel_received(m, zygote, text);

	m->serving = m->coming;
	m->coming = NULL;
	m->serving->state = GENERATION_SERVING;
	zygote->pid = pid;
	master_overdue(m, worker, now_ms);
	CU_ASSERT_EQUAL(fixture_logged("the zygote of generation 1 has not forked worker 0 after "), 1);
	CU_ASSERT_PTR_NULL(master_zygote_of(m, m->serving));
	CU_ASSERT_EQUAL(zygote->kill_at_ms, now_ms + MASTER_STACKS_MS);
	CU_ASSERT(worker->channel < 0);
	CU_ASSERT_EQUAL(recv(other, text, sizeof(text), MSG_DONTWAIT), 0);
	master_reap_lost(m);
	CU_ASSERT_NOT_EQUAL(m->slots[0].spawn_at_ms, 0);
	master_worker_add(m, 0);
	CU_ASSERT_NOT_EQUAL(fixture_worker(m, m->serving, 0)->pid, MASTER_PID_UNKNOWN);
	master_overdue(m, zygote, now_ms + MASTER_STACKS_MS);
	CU_ASSERT_EQUAL(waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT), 0);
	CU_ASSERT_EQUAL(fixture_logged("zygote has not ended"), 0);
	master_reap(m);
	CU_ASSERT_EQUAL(fixture_logged("workers of generation 1 are started anew"), 1);
	close(other);
	fixture_free(m);
}

/* The end comes before it has said who it is. */
static void
test_told_to_end_before_it_is_known(void)
{
	struct master *m = fixture_new(1);
	struct master_child *zygote = zygote_ready(m), *worker = fixture_worker(m, m->coming, 0);
	pid_t pid = sleeper();
	char text[256];
	int other = channel_received(m, zygote, text), status;

	master_child_end(worker);
	snprintf(text, sizeof(text), WIRE_FORKED " %ld", (long)pid);
	say(other, text);
	CU_ASSERT_TRUE(master_replies_read(m, worker));
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	worker->reaped = true;
	close(other);
	fixture_free(m);
}

/* One that another record has is a child, too. */
static void
test_a_sibling_is_not_believed(void)
{
	struct master *m = fixture_new(1);
	struct master_child *zygote = zygote_ready(m), *worker = fixture_worker(m, m->coming, 0);
	pid_t mine = zygote->pid;
	char text[256];
	int other = channel_received(m, zygote, text);

	zygote->pid = sleeper();
	snprintf(text, sizeof(text), WIRE_FORKED " %ld", (long)zygote->pid);
	say(other, text);
	CU_ASSERT_TRUE(master_replies_read(m, worker));
	CU_ASSERT_EQUAL(worker->pid, MASTER_PID_UNKNOWN);
	kill(zygote->pid, SIGKILL);
	CU_ASSERT_EQUAL(waitpid(zygote->pid, NULL, 0), zygote->pid);
	zygote->pid = mine;
	close(other);
	fixture_free(m);
}

/* Told to end while it imports, and an application that swallows TERM: KILL comes in time. */
static void
test_a_spare_that_is_told_to_end_is_never_ready(void)
{
	struct master *m = fixture_new(1);
	struct master_child *spare;

	fixture_serving(m);
	fixture_conf(m)->values.spare = 1;
	master_spare_look(m, 0);
	spare = fixture_child(m, m->serving, ROLE_SPARE, 0);
	master_child_end(spare);
	fixture_say(m, spare, WIRE_IMPORTED);
	CU_ASSERT_NOT_EQUAL(spare->kill_at_ms, 0);
	CU_ASSERT_NOT_EQUAL(spare->state, CHILD_READY);
	fixture_free(m);
}

static void
test_a_spare_takes_the_place_of_a_worker(void)
{
	struct master *m = fixture_new(1);
	struct master_generation *g = fixture_serving(m);
	struct master_child *spare;

	fixture_conf(m)->values.spare = 1;
	master_spare_look(m, 0);
	master_spare_look(m, 0);
	CU_ASSERT_EQUAL(fixture_count(m, g, ROLE_SPARE), 1);
	spare = fixture_child(m, g, ROLE_SPARE, 0);
	CU_ASSERT_EQUAL(spare->board, 1);
	CU_ASSERT_STRING_EQUAL(fixture_order(m, spare), WIRE_TABLE " 5");
	/* One that imports still is no use yet. */
	CU_ASSERT_PTR_NULL(master_spare_adopt(m, g, 0));
	fixture_say(m, spare, WIRE_IMPORTED);
	fixture_gone(m, fixture_worker(m, g, 0));
	master_worker_add(m, 0);
	CU_ASSERT_PTR_EQUAL(fixture_worker(m, g, 0), spare);
	CU_ASSERT_STRING_EQUAL(fixture_order(m, spare), WIRE_ADOPT " name=worker 0\trole=worker\tagain=0");
	CU_ASSERT_STRING_EQUAL(fixture_order(m, spare), "");
	fixture_say(m, spare, WIRE_READY);
	CU_ASSERT_EQUAL(spare->state, CHILD_SERVING);
	CU_ASSERT_STRING_EQUAL(fixture_order(m, spare), WIRE_SERVE);
	/* Then there is another. */
	master_spare_look(m, 0);
	CU_ASSERT_EQUAL(fixture_count(m, g, ROLE_SPARE), 1);
	fixture_free(m);
}

/* The file is broken by now: that is said once, and tried again. */
static void
test_a_spare_that_cannot_start(void)
{
	struct master *m = fixture_new(1);
	struct master_generation *g = fixture_serving(m);
	struct master_child *spare;
	uint64_t now_ms = clock_monotonic_ms();

	fixture_conf(m)->values.spare = 1;
	for (int i = 0; i < 2; i++) {
		master_spare_look(m, now_ms + (uint64_t)i * 100000);
		spare = fixture_child(m, g, ROLE_SPARE, 0);
		CU_ASSERT_EQUAL(spare->again, i == 1);
		fixture_say(m, spare, WIRE_FAILED " 3 no module named x");
		fixture_gone(m, spare);
		master_spare_look(m, now_ms);
		CU_ASSERT_EQUAL(fixture_count(m, g, ROLE_SPARE), 0);
		CU_ASSERT(master_spare_next(m) > now_ms);
	}
	CU_ASSERT_EQUAL(fixture_logged("no spare: no module named x; tried again every 60 s"), 1);
	master_spare_look(m, now_ms + 200000);
	fixture_say(m, fixture_child(m, g, ROLE_SPARE, 0), WIRE_IMPORTED);
	CU_ASSERT_EQUAL(fixture_logged("there is a spare again"), 1);
	fixture_free(m);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "test_workers_are_forked", test_workers_are_forked },
		{ "test_a_process_that_is_no_child_is_not_believed",
		    test_a_process_that_is_no_child_is_not_believed },
		{ "test_a_worker_that_is_never_forked_is_as_dead",
		    test_a_worker_that_is_never_forked_is_as_dead },
		{ "test_one_that_dies_at_once_has_its_cause", test_one_that_dies_at_once_has_its_cause },
		{ "test_a_zygote_that_hangs_is_given_up", test_a_zygote_that_hangs_is_given_up },
		{ "test_told_to_end_before_it_is_known", test_told_to_end_before_it_is_known },
		{ "test_a_sibling_is_not_believed", test_a_sibling_is_not_believed },
		{ "test_a_spare_that_is_told_to_end_is_never_ready",
		    test_a_spare_that_is_told_to_end_is_never_ready },
		{ "test_a_spare_takes_the_place_of_a_worker",
		    test_a_spare_takes_the_place_of_a_worker },
		{ "test_a_spare_that_cannot_start", test_a_spare_that_cannot_start },
		CU_TEST_INFO_NULL,
	};

	return suite_run("master_zygote", tests);
}
