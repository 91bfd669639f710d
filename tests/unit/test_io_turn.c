/*
 * Tests of io/turn: the FIFO's snapshots, the flush list, and wake-ups.
 */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"
#include "io/turn.h"
#include "tests/unit/suite.h"

static struct io_turn *turn;
static struct io_job jobs[4];
static struct io_flush nodes[4];
static char order[32];

static void
note(char c)
{
	size_t n = strlen(order);

	if (n + 1 < sizeof(order)) {
		order[n] = c;
		order[n + 1] = '\0';
	}
}

static void
open_all(void)
{
	turn = io_turn_new();
	CU_ASSERT_PTR_NOT_NULL_FATAL(turn);
	memset(jobs, 0, sizeof(jobs));
	memset(nodes, 0, sizeof(nodes));
	order[0] = '\0';
}

static void
job_note(struct io_job *job)
{
	note((char)('0' + (job - jobs)));
}

static void
job_again(struct io_job *job)
{
	job_note(job);
	io_turn_push(turn, job);
}

static void
push(int i, void (*run)(struct io_job *))
{
	jobs[i].run = run;
	io_turn_push(turn, &jobs[i]);
}

static void
jobs_run_in_order_and_once(void)
{
	open_all();
	push(2, job_note);
	push(0, job_note);
	push(2, job_note);
	CU_ASSERT(io_turn_pending(turn));
	io_turn_run(turn);
	CU_ASSERT_STRING_EQUAL(order, "20");
	CU_ASSERT_FALSE(io_turn_pending(turn));
	io_turn_run(turn);
	CU_ASSERT_STRING_EQUAL(order, "20");
	io_turn_free(turn);
}

static void
a_turn_lives_as_long_as_it_is_held(void)
{
	open_all();
	io_turn_hold(turn);
	push(0, job_note);
	io_turn_free(turn);
	io_turn_remove(&jobs[0]);
	CU_ASSERT_FALSE(io_turn_pending(turn));
	io_turn_free(turn);
}

static void
nothing_of_an_abandoned_turn_runs(void)
{
	open_all();
	push(0, job_note);
	io_turn_abandon(turn);
	CU_ASSERT_FALSE(io_turn_pending(turn));
	io_turn_run(turn);
	CU_ASSERT_STRING_EQUAL(order, "");
	io_turn_free(turn);
}

static void
what_is_pushed_while_running_waits_for_the_next_run(void)
{
	open_all();
	push(0, job_again);
	push(1, job_note);
	io_turn_run(turn);
	CU_ASSERT_STRING_EQUAL(order, "01");
	io_turn_run(turn);
	CU_ASSERT_STRING_EQUAL(order, "010");
	io_turn_free(turn);
}

static void
job_remove_others(struct io_job *job)
{
	job_note(job);
	io_turn_remove(&jobs[1]);
	io_turn_remove(&jobs[3]);
}

static void
a_job_may_be_taken_out_before_and_during_the_run(void)
{
	open_all();
	push(0, job_remove_others);
	for (int i = 1; i < 4; i++)
		push(i, job_note);
	io_turn_run(turn);
	CU_ASSERT_STRING_EQUAL(order, "02");
	push(1, job_note);
	push(2, job_note);
	io_turn_remove(&jobs[2]);
	push(3, job_note);
	io_turn_remove(&jobs[1]);
	io_turn_remove(&jobs[1]);
	io_turn_run(turn);
	CU_ASSERT_STRING_EQUAL(order, "023");
	io_turn_free(turn);
}

static size_t
flush_note(struct io_flush *node, size_t most)
{
	(void)most;
	note((char)('a' + (node - nodes)));
	return 0;
}

static size_t
flush_more(struct io_flush *node, size_t most)
{
	io_turn_dirty(turn, &nodes[3]);
	return flush_note(node, most);
}

static void
dirty(int i, size_t (*flush)(struct io_flush *, size_t))
{
	nodes[i].flush = flush;
	io_turn_dirty(turn, &nodes[i]);
}

static void
what_is_dirty_is_flushed_once_in_order(void)
{
	open_all();
	nodes[3].flush = flush_note;
	dirty(2, flush_note);
	dirty(0, flush_more);
	dirty(2, flush_note);
	dirty(1, flush_note);
	io_turn_undirty(&nodes[1]);
	io_turn_undirty(&nodes[1]);
	io_turn_flush(turn);
	CU_ASSERT_STRING_EQUAL(order, "cad");
	dirty(0, flush_note);
	dirty(1, flush_note);
	io_turn_undirty(&nodes[0]);
	io_turn_flush(turn);
	CU_ASSERT_STRING_EQUAL(order, "cadb");
	io_turn_free(turn);
}

/* Takes all that it is given, and is never through. */
static size_t
flush_without_end(struct io_flush *node, size_t most)
{
	note((char)('a' + (node - nodes)));
	io_turn_await(turn, node);
	return most;
}

static size_t
flush_of_a_turn(struct io_flush *node, size_t most)
{
	(void)node;
	(void)most;
	return 4 * 1024 * 1024;
}

/* Small answers without end are more than a turn's bytes. */
static void
who_waits_has_a_share_whatever_goes_to_others(void)
{
	open_all();
	dirty(0, flush_without_end);
	io_turn_flush(turn);
	for (int i = 0; i < 3; i++) {
		size_t before = strlen(order);

		dirty(1, flush_of_a_turn);
		io_turn_flush(turn);
		CU_ASSERT(strlen(order) > before);
	}
	io_turn_undirty(&nodes[0]);
	io_turn_free(turn);
}

static void
who_never_ends_has_a_share_at_a_time(void)
{
	size_t first;

	open_all();
	dirty(0, flush_without_end);
	dirty(1, flush_without_end);
	dirty(2, flush_note);
	io_turn_flush(turn);
	/* Each had one share before anybody has a second; then they take turns. */
	CU_ASSERT_NSTRING_EQUAL(order, "abcab", 5);
	first = strlen(order);
	CU_ASSERT_TRUE_FATAL(first < sizeof(order) / 2 - 1);
	/* A poll that may block does not while they wait. */
	CU_ASSERT_EQUAL(io_turn_poll(turn, true), 0);
	dirty(2, flush_note);
	io_turn_flush(turn);
	CU_ASSERT_EQUAL(order[first], 'c');
	CU_ASSERT_TRUE(strlen(order) <= 2 * first);
	io_turn_undirty(&nodes[0]);
	io_turn_undirty(&nodes[1]);
	first = strlen(order);
	io_turn_flush(turn);
	CU_ASSERT_EQUAL(strlen(order), first);
	io_turn_free(turn);
}

static void *
wake(void *arg)
{
	(void)arg;
	usleep(20000);
	io_turn_wake(turn);
	return NULL;
}

static void
another_thread_ends_the_poll(void)
{
	pthread_t thread;

	open_all();
	for (int i = 0; i < 3; i++) {
		io_turn_prepare(turn);
		CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, wake, NULL), 0);
		CU_ASSERT_EQUAL(io_turn_poll(turn, true), 0);
		pthread_join(thread, NULL);
	}
	io_turn_free(turn);
}

static void
a_wake_up_between_prepare_and_poll_is_not_lost(void)
{
	open_all();
	io_turn_prepare(turn);
	io_turn_wake(turn);
	io_turn_wake(turn);
	CU_ASSERT_EQUAL(io_turn_poll(turn, true), 0);
	io_turn_free(turn);
}

static void
a_poll_does_not_block_with_jobs_or_when_told_so(void)
{
	open_all();
	CU_ASSERT_EQUAL(io_turn_poll(turn, false), 0);
	push(0, job_note);
	CU_ASSERT_EQUAL(io_turn_poll(turn, true), 0);
	CU_ASSERT_STRING_EQUAL(order, "");
	io_turn_free(turn);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	io_turn_push(turn, arg);
}

static void
one_poll_reports_what_is_ready_once(void)
{
	struct event event;
	int ends[2];

	open_all();
	CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
	jobs[0].run = job_note;
	event_assign(&event, io_turn_base(turn), ends[0], EV_READ | EV_PERSIST, on_readable,
	    &jobs[0]);
	event_add(&event, NULL);
	CU_ASSERT_EQUAL(write(ends[1], "x", 1), 1);
	must(io_turn_poll(turn, false) == 0);
	must(io_turn_poll(turn, true) == 0);
	io_turn_run(turn);
	CU_ASSERT_STRING_EQUAL(order, "0");
	event_del(&event);
	close(ends[0]);
	close(ends[1]);
	io_turn_free(turn);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "jobs run in order and once", jobs_run_in_order_and_once },
		{ "a turn lives as long as it is held", a_turn_lives_as_long_as_it_is_held },
		{ "nothing of an abandoned turn runs", nothing_of_an_abandoned_turn_runs },
		{ "what is pushed while running waits for the next run",
		    what_is_pushed_while_running_waits_for_the_next_run },
		{ "a job may be taken out before and during the run",
		    a_job_may_be_taken_out_before_and_during_the_run },
		{ "what is dirty is flushed once, in order", what_is_dirty_is_flushed_once_in_order },
		{ "who waits has a share, whatever goes to others",
		    who_waits_has_a_share_whatever_goes_to_others },
		{ "who never ends has a share at a time", who_never_ends_has_a_share_at_a_time },
		{ "another thread ends the poll", another_thread_ends_the_poll },
		{ "a wake-up between prepare and poll is not lost",
		    a_wake_up_between_prepare_and_poll_is_not_lost },
		{ "a poll does not block with jobs or when told so",
		    a_poll_does_not_block_with_jobs_or_when_told_so },
		{ "one poll reports what is ready once", one_poll_reports_what_is_ready_once },
		CU_TEST_INFO_NULL,
	};

	return suite_run("io_turn", tests);
}
