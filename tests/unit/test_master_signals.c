/*
 * test_master_signals: what the operator's signals do, and what each death does.
 *
 * Signals come through a pipe. The dead are processes of the test's own: they have ended
 * before the master looks.
 */
#include <CUnit/Basic.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/wire.h"
#include "master/signals.h"
#include "master_fixture.h"

static struct {
	pid_t pid;
	int number;
} sent[32];
static unsigned n_sent;

/* In the place of the C library's: the master signals nobody, the test counts. */
int
kill(pid_t pid, int number)
{
	CU_ASSERT_FATAL(n_sent < sizeof(sent) / sizeof(sent[0]));
	sent[n_sent].pid = pid;
	sent[n_sent++].number = number;
	return 0;
}

static unsigned
counted(pid_t pid, int number)
{
	unsigned n = 0;

	for (unsigned i = 0; i < n_sent; i++)
		n += sent[i].pid == pid && sent[i].number == number;
	return n;
}

static void
signalled(struct master *m, int number)
{
	struct signalfd_siginfo info = { .ssi_signo = (uint32_t)number };
	int pair[2];

	CU_ASSERT_EQUAL_FATAL(pipe2(pair, O_NONBLOCK | O_CLOEXEC), 0);
	m->signal_fd = pair[0];
	CU_ASSERT_EQUAL(write(pair[1], &info, sizeof(info)), (ssize_t)sizeof(info));
	master_signals_read(m);
	close(pair[0]);
	close(pair[1]);
}

/* `c` ends with `status`, or by signal `number` unless that is 0. Its pid. */
static pid_t
dies(struct master *m, struct master_child *c, int status, int number)
{
	siginfo_t info;
	pid_t pid = fork();

	CU_ASSERT_FATAL(pid >= 0);
	if (pid == 0) {
		if (number != 0)
			raise(number);
		_exit(status);
	}
	CU_ASSERT_EQUAL_FATAL(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	c->pid = pid;
	signalled(m, SIGCHLD);
	return pid;
}

/* Its pid may be another process's by then. */
static void
test_the_dead_get_no_signal(void)
{
	struct master *m = fixture_new(2);
	struct master_generation *g = fixture_loaded(m);
	struct master_child *a = fixture_worker(m, g, 0), *b = fixture_worker(m, g, 1);
	pid_t pid;

	n_sent = 0;
	fixture_say(m, a, WIRE_BEGUN);
	pid = dies(m, a, 9, 0);
	CU_ASSERT_EQUAL(g->state, GENERATION_FAILED);
	CU_ASSERT_EQUAL(m->exit_code, WIRE_EXIT_APP);
	CU_ASSERT_EQUAL(fixture_logged("fastrd: worker 0 ended with exit status 9\n"), 1);
	CU_ASSERT_EQUAL(counted(b->pid, SIGTERM), 1);
	CU_ASSERT_EQUAL(counted(pid, SIGTERM), 0);
	CU_ASSERT_EQUAL(a->pid, 0);
	fixture_free(m);
}

static void
test_a_worker_that_dies_is_replaced(void)
{
	struct master *m = fixture_new(1);
	struct master_child *worker = fixture_worker(m, fixture_serving(m), 0);

	fixture_say(m, worker, WIRE_BEGUN);
	dies(m, worker, 0, SIGKILL);
	CU_ASSERT_EQUAL(fixture_logged("error [master] worker 0 ended with signal 9"), 1);
	CU_ASSERT_NOT_EQUAL(m->slots[0].spawn_at_ms, 0);
	fixture_free(m);
}

static void
test_a_worker_that_drains_leaves_no_slot_whatever_it_says(void)
{
	struct master *m = fixture_new(2);
	struct master_generation *g = fixture_serving(m);
	struct master_child *old = fixture_worker(m, g, 1);

	signalled(m, SIGTTOU);
	signalled(m, SIGTTIN);
	CU_ASSERT_PTR_NOT_EQUAL(fixture_worker(m, g, 1), old);
	fixture_say(m, old, WIRE_FAILED " 3 while draining");
	CU_ASSERT_EQUAL(fixture_logged("worker 1: while draining"), 1);
	CU_ASSERT_EQUAL(old->state, CHILD_DRAINING);
	dies(m, old, 3, 0);
	CU_ASSERT_EQUAL(m->slots[1].spawn_at_ms, 0);
	fixture_free(m);
}

static void
test_only_a_crash_of_a_worker_that_drains_is_told(void)
{
	struct master *m = fixture_new(4);
	struct master_generation *g = fixture_serving(m);
	struct master_child *workers[4];

	for (unsigned i = 0; i < 4; i++)
		workers[i] = fixture_worker(m, g, i);
	for (int i = 0; i < 3; i++)
		signalled(m, SIGTTOU);
	dies(m, workers[1], 0, 0);
	master_child_overdue(workers[2]);
	dies(m, workers[2], 0, SIGKILL);
	CU_ASSERT_EQUAL(fixture_logged("ended with"), 0);
	dies(m, workers[3], 0, SIGKILL);
	CU_ASSERT_EQUAL(fixture_logged("warning [master] worker 3 ended with signal 9"), 1);
	CU_ASSERT_EQUAL(fixture_logged("ended with"), 1);
	fixture_free(m);
}

static void
test_what_was_told_to_end_keeps_its_deadline_at_the_end(void)
{
	struct master *m = fixture_new(2);
	struct master_generation *old = fixture_serving(m), *g = fixture_loaded(m);
	struct master_child *ready = fixture_worker(m, g, 0);

	fixture_say(m, ready, WIRE_READY);
	fixture_say(m, fixture_worker(m, g, 1), WIRE_FAILED " 3 no database");
	CU_ASSERT_EQUAL(ready->state, CHILD_READY);
	CU_ASSERT_TRUE(ready->told_to_end);
	ready->kill_at_ms = 777;
	signalled(m, SIGTERM);
	CU_ASSERT_EQUAL(ready->kill_at_ms, 777);
	CU_ASSERT_STRING_EQUAL(fixture_order(m, ready), "");
	CU_ASSERT_EQUAL(fixture_worker(m, old, 0)->state, CHILD_DRAINING);
	fixture_free(m);
}

static void
test_int_kills_when_the_server_is_ending_already(void)
{
	struct master *m = fixture_new(2);
	struct master_generation *g = fixture_serving(m);

	n_sent = 0;
	signalled(m, SIGTERM);
	signalled(m, SIGTERM);
	CU_ASSERT_EQUAL(n_sent, 0);
	signalled(m, SIGINT);
	for (unsigned i = 0; i < 2; i++)
		CU_ASSERT_EQUAL(counted(fixture_worker(m, g, i)->pid, SIGKILL), 1);
	fixture_free(m);
}

static void
test_scaling_while_a_generation_is_starting_is_refused_aloud(void)
{
	struct master *m = fixture_new(2);

	fixture_serving(m);
	fixture_loaded(m);
	signalled(m, SIGTTIN);
	signalled(m, SIGTTOU);
	CU_ASSERT_EQUAL(m->n_workers, 2);
	CU_ASSERT_EQUAL(fixture_logged("a generation is starting: still 2 workers"), 2);
	fixture_free(m);
}

int
main(void)
{
	CU_pSuite suite;
	int failed;

	log_open("master", LOG_LEVEL_INFO);
	CU_initialize_registry();
	suite = CU_add_suite("master_signals", NULL, NULL);
	CU_ADD_TEST(suite, test_the_dead_get_no_signal);
	CU_ADD_TEST(suite, test_a_worker_that_dies_is_replaced);
	CU_ADD_TEST(suite, test_a_worker_that_drains_leaves_no_slot_whatever_it_says);
	CU_ADD_TEST(suite, test_only_a_crash_of_a_worker_that_drains_is_told);
	CU_ADD_TEST(suite, test_what_was_told_to_end_keeps_its_deadline_at_the_end);
	CU_ADD_TEST(suite, test_int_kills_when_the_server_is_ending_already);
	CU_ADD_TEST(suite, test_scaling_while_a_generation_is_starting_is_refused_aloud);
	CU_basic_run_tests();
	failed = (int)CU_get_number_of_tests_failed();
	CU_cleanup_registry();
	return failed != 0;
}
