/*
 * watch: is the loop late, and if so, is the interpreter to be had?
 *
 * Called by serve.c. The loop beats on the board (worker/heartbeat.c) as long as it turns. A
 * loop that is late waits for user code, or for the interpreter. To tell these apart takes
 * another thread, which asks for the interpreter and says on the board when it had it: the
 * master reads both beats (master/watchdog.c). As long as the loop turns the thread only
 * compares two numbers, four times a second.
 *
 * The thread must not wait for a lock that user code may hold: it would look as if the
 * interpreter could not be had.
 *
 * Logs: "the event loop goes on after N s".
 */
#include "engine/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"

enum { LOOK_MS = 250, LATE_MS = 500, REPORT_EVERY_MS = 10000 };

struct engine_watch {
	struct shm_board *board;
	PyObject *report;
	uint32_t warn_ms;
	pid_t pid;			/* a fork has no such thread */
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t ends;
	bool ending;			/* under the mutex */

	/* The thread's own. */
	uint64_t seen_ns;		/* the last beat of the loop */
	uint64_t delay_ms;		/* delayed() when that became late; 0: it has not */
	bool late;			/* that beat has been late enough for a report */
	bool told;			/* ... and there was one */
	uint64_t told_ms;		/* when; 0: there was none yet */
	unsigned more;			/* lateness without a report since */
};

static uint64_t
beat_of(const struct engine_watch *w)
{
	return atomic_load_explicit(&w->board->heartbeat_ns, memory_order_relaxed);
}

/* How long the main thread has waited for a processor in its life, at least 1; 0: unknown. */
static uint64_t
delayed_ms(const struct engine_watch *w)
{
	char path[64], text[96];
	unsigned long long ns = 0;
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%ld/schedstat", (long)w->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	if (n <= 0)
		return 0;
	text[n] = '\0';
	return sscanf(text, "%*u %llu", &ns) == 1 ? ns / 1000000 + 1 : 0;
}

/* The loop turns again. */
static void
goes_on(struct engine_watch *w, uint64_t beat_ns)
{
	if (w->told && beat_ns > w->seen_ns)
		log_info("the event loop goes on after %.1f s",
		    (double)(beat_ns - w->seen_ns) / 1e9);
	w->seen_ns = beat_ns;
	w->delay_ms = 0;
	w->late = w->told = false;
}

/* With the interpreter. `age_ms` is how old the beat is, or was when the loop went on. */
static void
report(struct engine_watch *w, uint64_t age_ms, bool held)
{
	uint64_t now_ms = clock_monotonic_ms();
	uint64_t delay_ms = w->delay_ms != 0 ? delayed_ms(w) - w->delay_ms : 0;
	char text[SHM_HANDS_TEXT_BYTES];
	PyObject *done;

	w->late = true;
	if (w->told_ms != 0 && now_ms - w->told_ms < REPORT_EVERY_MS) {
		w->more++;
		return;
	}
	shm_hands_text(&w->board->hands,
	    shm_board_get(w->board, SHM_COUNT_requests_active), text);
	done = PyObject_CallFunction(w->report, "dOdsI", (double)age_ms / 1000,
	    held ? Py_True : Py_False, (double)delay_ms / 1000, text, w->more);
	if (done == NULL)
		PyErr_WriteUnraisable(w->report);
	Py_XDECREF(done);
	w->told = true;
	w->told_ms = now_ms;
	w->more = 0;
}

/* The loop is late: ask for the interpreter. */
static void
probe(struct engine_watch *w)
{
	uint64_t asked_ns = clock_monotonic_ns(), had_ns, age_ms;
	PyGILState_STATE state = PyGILState_Ensure();
	bool held;

	had_ns = clock_monotonic_ns();
	shm_board_interpreter(w->board, had_ns);
	held = had_ns - asked_ns > (uint64_t)LATE_MS * 1000000;
	age_ms = (had_ns - w->seen_ns) / 1000000;
	/* The beat comes between two requests for the interpreter, so that it may be older than
	 * what blocks the loop. */
	if (w->warn_ms != 0 && !w->late && age_ms >= w->warn_ms + LOOK_MS &&
	    (held || beat_of(w) == w->seen_ns))
		report(w, age_ms, held);
	PyGILState_Release(state);
}

static void
look(struct engine_watch *w)
{
	uint64_t beat_ns = beat_of(w);

	if (beat_ns != w->seen_ns)
		goes_on(w, beat_ns);
	else if (clock_monotonic_ns() - beat_ns > (uint64_t)LATE_MS * 1000000 &&
	    atomic_load_explicit(&w->board->state, memory_order_relaxed) != SHM_BOARD_ENDING) {
		if (w->delay_ms == 0)
			w->delay_ms = delayed_ms(w);
		probe(w);
	}
}

/* Wait until the next look. False: it is the end. */
static bool
rest(struct engine_watch *w)
{
	struct timespec until = clock_monotonic();
	bool ending;

	until.tv_nsec += LOOK_MS * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	pthread_mutex_lock(&w->mutex);
	while (!w->ending && pthread_cond_timedwait(&w->ends, &w->mutex, &until) == 0)
		;
	ending = w->ending;
	pthread_mutex_unlock(&w->mutex);
	return !ending;
}

static void *
watch_run(void *arg)
{
	struct engine_watch *w = arg;
	uint64_t before_ms = clock_monotonic_ms(), now_ms;

	while (rest(w)) {
		now_ms = clock_monotonic_ms();
		/* After a longer rest the process was stopped, and the loop has not run either. */
		if (now_ms - before_ms < LATE_MS)
			look(w);
		before_ms = clock_monotonic_ms();
	}
	return NULL;
}

/* With every signal blocked: they are the main thread's. 0, or an error number. */
static int
thread_start(struct engine_watch *w)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&w->thread, NULL, watch_run, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

static void
watch_free(struct engine_watch *w)
{
	pthread_cond_destroy(&w->ends);
	pthread_mutex_destroy(&w->mutex);
	Py_DECREF(w->report);
	free(w);
}

struct engine_watch *
engine_watch_start(struct shm_board *board, PyObject *report, uint32_t warn_ms)
{
	struct engine_watch *w = calloc(1, sizeof(*w));
	pthread_condattr_t attr;
	int rc;

	must(board != NULL);
	if (w == NULL) {
		PyErr_NoMemory();
		return NULL;
	}
	w->board = board;
	w->report = Py_NewRef(report);
	w->warn_ms = warn_ms;
	w->pid = getpid();
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->ends, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&w->mutex, NULL);
	rc = thread_start(w);
	if (rc != 0) {
		watch_free(w);
		errno = rc;
		PyErr_SetFromErrno(PyExc_OSError);
		return NULL;
	}
	return w;
}

void
engine_watch_stop(struct engine_watch *w)
{
	if (w == NULL || w->pid != getpid())
		return;
	pthread_mutex_lock(&w->mutex);
	w->ending = true;
	pthread_cond_signal(&w->ends);
	pthread_mutex_unlock(&w->mutex);
	Py_BEGIN_ALLOW_THREADS
	pthread_join(w->thread, NULL);
	Py_END_ALLOW_THREADS
	watch_free(w);
}
