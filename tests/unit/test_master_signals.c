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

#include "base/clock.h"
#include "base/log.h"
#include "base/wire.h"
#include "master/overdue.h"
#include "master/signals.h"
#include "master_fixture.h"
#include "tests/unit/suite.h"

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

/* Who sends it. */
enum sender { A_PROCESS, OUR_PARENT, A_TERMINAL };

static void
signalled_by(struct master *m, int number, enum sender who)
{
	struct signalfd_siginfo info = {
		.ssi_signo = (uint32_t)number,
		.ssi_code = who == A_TERMINAL ? SI_KERNEL : SI_USER,
		.ssi_pid = who == OUR_PARENT ? (uint32_t)getppid() : who == A_PROCESS ? 1u << 30 : 0
	};
	int pair[2];

	CU_ASSERT_EQUAL_FATAL(pipe2(pair, O_NONBLOCK | O_CLOEXEC), 0);
	m->signal_fd = pair[0];
	CU_ASSERT_EQUAL(write(pair[1], &info, sizeof(info)), (ssize_t)sizeof(info));
	master_signals_read(m);
	close(pair[0]);
	close(pair[1]);
}

static void
signalled(struct master *m, int number)
{
	signalled_by(m, number, A_PROCESS);
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
	CU_ASSERT_EQUAL(fixture_logged("fastrd: worker 0 ended with exit status 9 "
	    "while starting the application, which called os._exit() or became a daemon; let it "
	    "stay\n"), 1);
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
	master_overdue(m, workers[2], 1);
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

static const enum sender twice[][2] = {
	{ A_TERMINAL, OUR_PARENT }, { A_PROCESS, OUR_PARENT }, { OUR_PARENT, A_PROCESS }
};

/* As by Ctrl-C, when the parent passes on what it has got. */
static void
test_an_int_to_us_and_to_our_parent_counts_once(void)
{
	for (size_t i = 0; i < sizeof(twice) / sizeof(twice[0]); i++) {
		struct master *m = fixture_new(1);

		n_sent = 0;
		fixture_serving(m);
		for (int n = 0; n < 2; n++)
			signalled_by(m, SIGINT, twice[i][n]);
		CU_ASSERT_EQUAL(fixture_logged("killing"), 0);
		for (int n = 0; n < 2; n++)
			signalled_by(m, SIGINT, twice[i][n]);
		CU_ASSERT_EQUAL(fixture_logged("killing"), 1);
		fixture_free(m);
	}
}

/* What has changed since the first one came is not left out, whoever sends the next. */
static void
test_a_hup_during_a_reload_leads_to_one_more(void)
{
	for (size_t i = 0; i < sizeof(twice) / sizeof(twice[0]); i++) {
		struct master *m = fixture_new(1);

		fixture_serving(m);
		for (int n = 0; n < 6; n++)
			signalled_by(m, SIGHUP, twice[i][n % 2]);
		CU_ASSERT_EQUAL(fixture_logged("reloading"), 1);
		CU_ASSERT_TRUE(m->reload_due);
		master_generation_failed(m, m->coming, WIRE_EXIT_APP, "it is broken");
		master_generation_reload(m);
		CU_ASSERT_EQUAL(fixture_logged("reloading"), 2);
		CU_ASSERT_FALSE(m->reload_due);
		fixture_free(m);
	}
}

static void
test_each_signal_of_one_sender_counts(void)
{
	static const enum sender senders[] = { A_PROCESS, OUR_PARENT, A_TERMINAL };

	for (size_t i = 0; i < sizeof(senders) / sizeof(senders[0]); i++) {
		struct master *m = fixture_new(1);

		n_sent = 0;
		fixture_serving(m);
		for (int n = 0; n < 2; n++)
			signalled_by(m, SIGHUP, senders[i]);
		CU_ASSERT(m->reload_due);
		for (int n = 0; n < 2; n++)
			signalled_by(m, SIGINT, senders[i]);
		CU_ASSERT_EQUAL(fixture_logged("killing"), 1);
		fixture_free(m);
	}
}

/* `c` says that it leaves, for this cause, and another takes its place. */
static void
leaves(struct master *m, struct master_child *c, const char *text)
{
	fixture_say(m, c, text);
	master_worker_add(m, c->slot);
	fixture_say(m, fixture_worker(m, c->generation, c->slot), WIRE_READY);
	CU_ASSERT_EQUAL(c->state, CHILD_DRAINING);
}

static void
test_the_end_of_a_worker_that_leaves_is_no_error(void)
{
	struct master *m = fixture_new(2);
	struct master_generation *g = fixture_serving(m);
	struct master_child *a = fixture_worker(m, g, 0), *b = fixture_worker(m, g, 1);

	leaves(m, a, WIRE_LEAVING " " WIRE_CAUSE_TERM);
	leaves(m, b, WIRE_LEAVING " " WIRE_CAUSE_TERM);
	dies(m, a, 0, 0);
	CU_ASSERT_EQUAL(fixture_logged("info [master] worker 0 ended with exit status 0"), 1);
	dies(m, b, 3, 0);
	CU_ASSERT_EQUAL(fixture_logged("warning [master] worker 1 ended with exit status 3"), 1);
	CU_ASSERT_EQUAL(fixture_logged(" error "), 0);
	fixture_free(m);
}

/* Its replacement is on the way. */
static void
test_a_crash_before_the_end_is_an_error_and_needs_no_second_replacement(void)
{
	struct master *m = fixture_new(1);
	struct master_child *c = fixture_worker(m, fixture_serving(m), 0);

	fixture_say(m, c, WIRE_LEAVING " " WIRE_CAUSE_TERM);
	master_worker_add(m, 0);
	dies(m, c, 0, SIGSYS);
	CU_ASSERT_EQUAL(fixture_logged("error [master] worker 0 ended with signal 31"), 1);
	CU_ASSERT_EQUAL(m->slots[0].spawn_at_ms, 0);
	fixture_free(m);
}

/* The one that was to take its place dies: it serves on. */
static void
test_a_replacement_that_dies_while_it_starts_is_no_worker_less(void)
{
	struct master *m = fixture_new(1);
	struct master_child *c = fixture_worker(m, fixture_serving(m), 0);

	fixture_say(m, c, WIRE_LEAVING " " WIRE_CAUSE_TERM);
	master_worker_add(m, 0);
	dies(m, fixture_worker(m, m->serving, 0), 0, SIGSYS);
	CU_ASSERT_EQUAL(fixture_logged("warning [master] worker 0 serves on: its replacement ended "
	    "with signal 31"), 1);
	CU_ASSERT_EQUAL(fixture_logged(" error "), 0);
	CU_ASSERT_TRUE(m->slots[0].spawn_at_ms > clock_monotonic_ms() + 4000);
	CU_ASSERT_EQUAL(c->state, CHILD_SERVING);
	fixture_free(m);
}

/* What a worker was doing is told of one that has not finished it. (SIGSYS is a crash that
 * no sanitizer keeps for itself.) */
static void
test_the_end_after_the_shutdown_needs_no_circumstances(void)
{
	struct master *m = fixture_new(3);
	struct master_generation *g = fixture_serving(m);

	for (unsigned i = 0; i < 3; i++) {
		struct master_child *c = fixture_worker(m, g, i);

		c->begun = true;
		leaves(m, c, WIRE_LEAVING " " WIRE_CAUSE_LOOP);
		if (i > 0)
			fixture_say(m, c, WIRE_ENDED);
		dies(m, c, i < 2 ? 3 : 0, i < 2 ? 0 : SIGSYS);
	}
	CU_ASSERT_EQUAL(fixture_logged("worker 0 ended with exit status 3; process "), 1);
	CU_ASSERT_EQUAL(fixture_logged("worker 1 ended with exit status 3\n"), 1);
	CU_ASSERT_EQUAL(fixture_logged("worker 2 ended with signal 31 (Bad system call); process "), 1);
	CU_ASSERT_EQUAL(fixture_logged(", ending Python\n"), 1);
	fixture_free(m);
}

static void
test_the_number_of_workers_follows_ttin_and_ttou(void)
{
	struct master *m = fixture_new(2);

	fixture_serving(m);
	signalled(m, SIGTTIN);
	CU_ASSERT_EQUAL(m->n_workers, 3);
	signalled(m, SIGTTOU);
	CU_ASSERT_EQUAL(m->n_workers, 2);
	fixture_loaded(m);
	signalled(m, SIGTTIN);
	CU_ASSERT_EQUAL(m->n_workers, 2);
	CU_ASSERT_EQUAL(m->scale_due, 1);
	fixture_free(m);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "test_the_dead_get_no_signal", test_the_dead_get_no_signal },
		{ "test_a_worker_that_dies_is_replaced", test_a_worker_that_dies_is_replaced },
		{ "test_a_worker_that_drains_leaves_no_slot_whatever_it_says",
		    test_a_worker_that_drains_leaves_no_slot_whatever_it_says },
		{ "test_only_a_crash_of_a_worker_that_drains_is_told",
		    test_only_a_crash_of_a_worker_that_drains_is_told },
		{ "test_what_was_told_to_end_keeps_its_deadline_at_the_end",
		    test_what_was_told_to_end_keeps_its_deadline_at_the_end },
		{ "test_int_kills_when_the_server_is_ending_already",
		    test_int_kills_when_the_server_is_ending_already },
		{ "test_an_int_to_us_and_to_our_parent_counts_once",
		    test_an_int_to_us_and_to_our_parent_counts_once },
		{ "test_a_hup_during_a_reload_leads_to_one_more",
		    test_a_hup_during_a_reload_leads_to_one_more },
		{ "test_each_signal_of_one_sender_counts", test_each_signal_of_one_sender_counts },
		{ "test_the_end_of_a_worker_that_leaves_is_no_error",
		    test_the_end_of_a_worker_that_leaves_is_no_error },
		{ "test_a_crash_before_the_end_is_an_error_and_needs_no_second_replacement",
		    test_a_crash_before_the_end_is_an_error_and_needs_no_second_replacement },
		{ "test_a_replacement_that_dies_while_it_starts_is_no_worker_less",
		    test_a_replacement_that_dies_while_it_starts_is_no_worker_less },
		{ "test_the_end_after_the_shutdown_needs_no_circumstances",
		    test_the_end_after_the_shutdown_needs_no_circumstances },
		{ "test_the_number_of_workers_follows_ttin_and_ttou",
		    test_the_number_of_workers_follows_ttin_and_ttou },
		CU_TEST_INFO_NULL,
	};

	log_open("master", LOG_LEVEL_INFO);
	return suite_run("master_signals", tests);
}
