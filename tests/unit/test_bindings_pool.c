/*
 * The pool for plain functions: order, limits, failures and its end. No test looks
 * at the time; each turns the loop until what must come has come.
 */
#include "tests/unit/python_fixture.h"

#include <stdio.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/must.h"
#include "bindings/loop/pool.h"

enum { PATIENCE_S = 60, FEW_TURNS = 50 };

struct job {
	struct pyb_job job;
	size_t number;
	bool blocks;		/* until the gate opens */
};

static struct io_turn *turn;
static struct pyb_pool *pool;
static PyObject *loop;
static pthread_t loop_thread;
static struct job *jobs;
static size_t *worked, *done;	/* job numbers in order */
static atomic_size_t n_worked, n_begun;
static size_t n_done;
static atomic_bool gate;

static void
job_work(struct pyb_job *base)
{
	struct job *job = (struct job *)base;

	CU_ASSERT_FALSE(pthread_equal(pthread_self(), loop_thread));
	CU_ASSERT(PyGILState_Check());
	atomic_fetch_add(&n_begun, 1);
	if (job->blocks) {
		Py_BEGIN_ALLOW_THREADS
		while (!atomic_load(&gate))
			usleep(100);
		Py_END_ALLOW_THREADS
	}
	worked[atomic_fetch_add(&n_worked, 1)] = job->number;
}

static size_t n_dropped;

static void
job_dropped(struct pyb_job *base)
{
	(void)base;
	n_dropped++;
}

static void
job_done(struct pyb_job *base)
{
	struct job *job = (struct job *)base;

	CU_ASSERT(pthread_equal(pthread_self(), loop_thread));
	done[n_done++] = job->number;
}

/* What fastrapi.hooks.pool_limit() says. */
static void
limit_set(size_t limit)
{
	char text[40];

	snprintf(text, sizeof(text), "lambda: %zu", limit);
	Py_XSETREF(python_state()->pool_limit, py(text));
}

/* Count the threads that start. `starts` says of the first attempts whether a thread
 * starts. */
static void
starts_watch(const char *starts)
{
	char text[40];

	snprintf(text, sizeof(text), "starts, started = %s, []\n", starts);
	py_do(text);
	py_do("import sys\n"
	    "from fastrapi import hooks\n"
	    "unraised = []\n"
	    "sys.unraisablehook = lambda what: unraised.append(what.exc_type)\n"
	    "def start(pool, loop):\n"
	    "    if starts and not starts.pop(0): raise RuntimeError(\"can't start new thread\")\n"
	    "    hooks.pool_thread_start(pool, loop)\n"
	    "    started.append(None)\n");
	Py_SETREF(python_state()->pool_thread_start, py("start"));
}

/* Threads that were started for the pool in hand: without work they wait longer than
 * any test takes. */
static size_t
threads_started(void)
{
	PyObject *n = py("len(started)");
	size_t started = PyLong_AsSize_t(n);

	Py_DECREF(n);
	return started;
}

static void
pool_open_starting(const char *starts, size_t limit, size_t n_jobs)
{
	alarm(PATIENCE_S);	/* a test that waits for ever ends the program */
	starts_watch(starts);
	loop_thread = pthread_self();
	turn = io_turn_new();
	loop = python_keep(py("object()"));
	limit_set(limit);
	pool = pyb_pool_new(python_state(), loop, turn);
	jobs = calloc(n_jobs, sizeof(*jobs));
	worked = calloc(n_jobs, sizeof(*worked));
	done = calloc(n_jobs, sizeof(*done));
	must(turn != NULL && pool != NULL && jobs != NULL && worked != NULL && done != NULL);
	atomic_store(&n_worked, 0);
	atomic_store(&n_begun, 0);
	atomic_store(&gate, false);
	n_done = 0;
	for (size_t i = 0; i < n_jobs; i++)
		jobs[i] = (struct job){ .job = { .work = job_work, .done = job_done }, .number = i };
}

static void
pool_open(size_t limit, size_t n_jobs)
{
	pool_open_starting("[]", limit, n_jobs);
}

static void
submit(size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		pyb_pool_submit(pool, &jobs[i].job);
}

static void
turn_once(void)
{
	Py_BEGIN_ALLOW_THREADS
	must(io_turn_poll(turn, false) == 0);
	usleep(200);
	Py_END_ALLOW_THREADS
	io_turn_run(turn);
}

static void
turn_until_done(size_t n)
{
	while (n_done < n)
		turn_once();
}

/* The pool is let go; its threads end, and only then its memory goes. */
static void
pool_close(void)
{
	PyObject *held = Py_NewRef((PyObject *)pool);

	pyb_pool_free(pool);
	while (Py_REFCNT(held) > 1) {
		Py_BEGIN_ALLOW_THREADS
		usleep(200);
		Py_END_ALLOW_THREADS
	}
	Py_DECREF(held);
	io_turn_free(turn);
	free(jobs);
	free(worked);
	free(done);
	alarm(0);
}

static void
test_order_of_submission(void)
{
	enum { N = 500 };

	pool_open(1, N);
	CU_ASSERT_EQUAL(threads_started(), 0);
	submit(0, N);
	CU_ASSERT_EQUAL(threads_started(), 1);
	turn_until_done(N);
	for (size_t i = 0; i < N; i++) {
		CU_ASSERT_EQUAL(worked[i], i);
		CU_ASSERT_EQUAL(done[i], i);
	}
	CU_ASSERT_EQUAL(threads_started(), 1);
	pool_close();
}

/* Job after job through one thread that waits between them. */
static void
test_one_after_the_other(void)
{
	enum { N = 50 };

	pool_open(4, N);
	for (size_t i = 0; i < N; i++) {
		submit(i, i + 1);
		turn_until_done(i + 1);
	}
	CU_ASSERT_EQUAL(threads_started(), 1);
	pool_close();
}

/* Blocking jobs get threads up to the limit, and none beyond. */
static void
limit_check(size_t limit, size_t expected)
{
	size_t n = expected + 5;

	pool_open(limit, n);
	for (size_t i = 0; i < n; i++)
		jobs[i].blocks = true;
	submit(0, n);
	while (atomic_load(&n_begun) < expected)
		turn_once();
	for (int i = 0; i < FEW_TURNS; i++)
		turn_once();
	CU_ASSERT_EQUAL(atomic_load(&n_begun), expected);
	CU_ASSERT_EQUAL(threads_started(), expected);
	CU_ASSERT_EQUAL(n_done, 0);
	atomic_store(&gate, true);
	turn_until_done(n);
	pool_close();
}

static void
test_limits(void)
{
	limit_check(1, 1);
	limit_check(3, 3);
	limit_check(40, 40);
}

/* A short job behind a blocking one is not kept waiting by it. */
static void
test_a_blocked_thread_is_not_waited_for(void)
{
	pool_open(2, 3);
	jobs[0].blocks = true;
	submit(0, 3);
	turn_until_done(2);
	CU_ASSERT_EQUAL(done[0], 1);
	CU_ASSERT_EQUAL(done[1], 2);
	atomic_store(&gate, true);
	turn_until_done(3);
	pool_close();
}

/* A thread that cannot be started is a longer wait, also when it is the first. */
static void
test_threads_that_do_not_start(void)
{
	pool_open_starting("[False] * 3", 2, 1);
	submit(0, 1);
	CU_ASSERT_EQUAL(threads_started(), 0);
	for (int i = 0; i < 500 && n_done == 0; i++)
		turn_once();
	CU_ASSERT_EQUAL(n_done, 1);
	if (n_done == 1)
		CU_ASSERT_EQUAL(threads_started(), 1);
	CU_ASSERT(py_equal(py("unraised"), "[RuntimeError] * 3"));
	pool_close();
}

/* Jobs in hand end where they are, and nobody is told; those behind them never begin, and are
 * dropped. */
static void
test_the_end_with_jobs_running(void)
{
	enum { N = 6 };

	pool_open(2, N);
	for (size_t i = 0; i < N; i++) {
		jobs[i].blocks = true;
		jobs[i].job.dropped = job_dropped;
	}
	n_dropped = 0;
	submit(0, N);
	while (atomic_load(&n_begun) < 2)
		turn_once();
	{
		PyObject *held = Py_NewRef((PyObject *)pool);

		pyb_pool_free(pool);
		io_turn_free(turn);
		atomic_store(&gate, true);
		while (Py_REFCNT(held) > 1) {
			Py_BEGIN_ALLOW_THREADS
			usleep(200);
			Py_END_ALLOW_THREADS
		}
		Py_DECREF(held);
	}
	CU_ASSERT_EQUAL(atomic_load(&n_worked), 2);
	CU_ASSERT_EQUAL(n_done, 0);
	CU_ASSERT_EQUAL(n_dropped, N - 2);
	free(jobs);
	free(worked);
	free(done);
	alarm(0);
}

static void
test_the_end_of_an_unused_pool(void)
{
	pool_open(3, 1);
	pool_close();
	pool_open(3, 1);
	submit(0, 1);
	turn_until_done(1);
	pool_close();
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "order of submission", test_order_of_submission },
		{ "one after the other", test_one_after_the_other },
		{ "limits", test_limits },
		{ "a blocked thread is not waited for", test_a_blocked_thread_is_not_waited_for },
		{ "threads that do not start", test_threads_that_do_not_start },
		{ "the end with jobs running", test_the_end_with_jobs_running },
		{ "the end of an unused pool", test_the_end_of_an_unused_pool },
		CU_TEST_INFO_NULL
	};

	return python_main("bindings: pool", tests);
}
