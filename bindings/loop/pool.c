/*
 * pool: queue, threads, completions.
 *
 * Called by local.c, offload.c, by plan/ and by engine/ (the type). The loop's thread submits. Pool
 * threads take jobs under the mutex, run them with the interpreter held and put them on
 * the done list. An eventfd makes the loop collect that list. While jobs wait, the loop
 * looks once a millisecond whether a thread has taken a job since the last look. If none
 * has, every thread is stuck in a blocking or long job, and the number of threads doubles.
 * The limit is one of the jobs that run at a time. Those that may go beyond it are not
 * counted, and have a list of their own.
 * The mutex is held for a few pointer moves only, and nobody may wait for the interpreter
 * while holding it; so taking it with the interpreter held cannot deadlock.
 */
#include "bindings/loop/pool.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/must.h"

enum {
	IDLE_SECONDS = 10,	/* a thread without work ends, as anyio's do */
	TICK_US = 1000
};

struct pyb_pool {
	PyObject_HEAD
	struct pyb_module_state *st;
	PyObject *loop;			/* borrowed: the loop's local owns the pool */
	struct io_turn *turn;
	struct event wake, tick;
	struct io_job grow_job;
	int wake_fd;
	bool ticking;
	uint64_t taken_seen;		/* at the last tick */
	pthread_mutex_t mutex;
	pthread_cond_t work;
	/* The mutex protects everything below. */
	struct list queue, done;	/* jobs for the threads, jobs for the loop */
	struct list beyond;		/* jobs for the threads, beyond the limit */
	size_t waiting, waiting_beyond;	/* in both lists; in `beyond` */
	size_t threads, idle;
	size_t running;			/* jobs of `queue` */
	size_t limit;			/* of them, when last asked; 0: one thread never was stuck */
	uint64_t taken;
	bool signalled, closing;
};

/* May a thread take a job now? The caller holds the mutex. */
static bool
job_at_hand(const struct pyb_pool *p)
{
	return !list_is_empty(&p->beyond) ||
	    (!list_is_empty(&p->queue) && (p->limit == 0 || p->running < p->limit));
}

/* Take the first job; NULL when none may be taken. The caller holds the mutex. */
static struct pyb_job *
queue_take(struct pyb_pool *p)
{
	struct list_node *node;

	if (!job_at_hand(p))
		return NULL;
	must(p->waiting > 0);
	p->waiting--;
	p->taken++;
	node = list_take(&p->beyond);
	if (node != NULL) {
		p->waiting_beyond--;
	} else {
		node = list_take(&p->queue);
		p->running++;
	}
	return container_of(node, struct pyb_job, node);
}

/* A pool thread has run the job: give it back to the loop. */
static void
done_put(struct pyb_pool *p, struct pyb_job *job)
{
	bool wake;

	pthread_mutex_lock(&p->mutex);
	if (!job->beyond)
		p->running--;
	list_append(&p->done, &job->node);
	wake = !p->signalled && !p->closing;
	p->signalled = true;
	pthread_mutex_unlock(&p->mutex);
	if (wake)
		while (eventfd_write(p->wake_fd, 1) < 0 && errno == EINTR)
			continue;
}

static void
job_completed(struct io_job *io)
{
	struct pyb_job *job = container_of(io, struct pyb_job, io);

	job->done(job);
}

/* libevent callback: move the done list into the FIFO. */
static void
on_wake(evutil_socket_t fd, short Py_UNUSED(what), void *arg)
{
	struct pyb_pool *p = arg;
	struct list_node *node;
	struct list done;
	eventfd_t count;

	if (eventfd_read(fd, &count) < 0)
		return;
	list_init(&done);
	pthread_mutex_lock(&p->mutex);
	list_append_all(&done, &p->done);
	p->signalled = false;
	pthread_mutex_unlock(&p->mutex);
	while ((node = list_take(&done)) != NULL) {
		struct pyb_job *job = container_of(node, struct pyb_job, node);

		job->io.run = job_completed;
		io_turn_push(p->turn, &job->io);
	}
}

static void
tick_arm(struct pyb_pool *p)
{
	struct timeval tv = { 0, TICK_US };

	if (!p->ticking) {
		p->ticking = true;
		evtimer_add(&p->tick, &tv);
	}
}

/* libevent callback: jobs have been waiting for a millisecond. */
static void
on_tick(evutil_socket_t Py_UNUSED(fd), short Py_UNUSED(what), void *arg)
{
	struct pyb_pool *p = arg;
	bool waiting, stuck;

	p->ticking = false;
	pthread_mutex_lock(&p->mutex);
	waiting = p->waiting > 0;
	stuck = waiting && p->taken == p->taken_seen;
	p->taken_seen = p->taken;
	if (stuck && p->idle > 0)
		pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->mutex);
	if (stuck)
		io_turn_push(p->turn, &p->grow_job);
	if (waiting)
		tick_arm(p);
}

/* [gil] Start a thread. False: it could not be started, which was reported; the jobs
 * wait longer. */
static bool
thread_add(struct pyb_pool *p)
{
	PyObject *done;

	pthread_mutex_lock(&p->mutex);
	p->threads++;
	pthread_mutex_unlock(&p->mutex);
	done = PyObject_CallFunctionObjArgs(p->st->pool_thread_start, (PyObject *)p,
	    p->loop, NULL);
	if (done != NULL) {
		Py_DECREF(done);
		return true;
	}
	PyErr_WriteUnraisable((PyObject *)p);
	pthread_mutex_lock(&p->mutex);
	p->threads--;
	pthread_mutex_unlock(&p->mutex);
	return false;
}

/* [gil] The highest number of threads: the tokens of anyio's default limiter, which the
 * application may have changed. */
static size_t
limit_ask(struct pyb_pool *p)
{
	PyObject *limit = PyObject_CallNoArgs(p->st->pool_limit);
	size_t n = limit != NULL ? PyLong_AsSize_t(limit) : 0;

	if (PyErr_Occurred()) {
		PyErr_WriteUnraisable((PyObject *)p);
		n = 0;
	}
	Py_XDECREF(limit);
	return n;
}

/* FIFO job: every thread is stuck. Double the number of threads, within the limit. */
static void
grow(struct io_job *io)
{
	struct pyb_pool *p = container_of(io, struct pyb_pool, grow_job);
	size_t want, have, limit;

	limit = limit_ask(p);
	pthread_mutex_lock(&p->mutex);
	p->limit = limit;
	have = p->threads;
	want = p->idle < p->waiting ? p->waiting - p->idle : 0;
	limit += p->waiting_beyond;
	pthread_mutex_unlock(&p->mutex);
	if (want > 1 && want > have)
		want = have > 0 ? have : 1;
	while (want-- > 0 && have++ < limit)
		if (!thread_add(p))
			break;
}

void
pyb_pool_submit(struct pyb_pool *p, struct pyb_job *job)
{
	bool first;

	must(job->work != NULL && job->done != NULL);
	pthread_mutex_lock(&p->mutex);
	list_append(job->beyond ? &p->beyond : &p->queue, &job->node);
	p->waiting++;
	p->waiting_beyond += job->beyond;
	/* One thread is enough to begin with; on_tick() adds others. */
	if (p->idle > 0 && p->idle == p->threads)
		pthread_cond_signal(&p->work);
	first = p->threads == 0;
	pthread_mutex_unlock(&p->mutex);
	if (first)
		thread_add(p);
	tick_arm(p);
}

/* Wait for a job, without the interpreter. NULL: the thread must end. */
static struct pyb_job *
job_wait(struct pyb_pool *p)
{
	struct pyb_job *job;
	struct timespec until = clock_monotonic();
	int rc = 0;

	until.tv_sec += IDLE_SECONDS;
	pthread_mutex_lock(&p->mutex);
	p->idle++;
	while (!job_at_hand(p) && !p->closing && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&p->work, &p->mutex, &until);
	p->idle--;
	job = p->closing ? NULL : queue_take(p);
	if (job == NULL)
		p->threads--;
	pthread_mutex_unlock(&p->mutex);
	return job;
}

/* run(): the life of a pool thread. fastrapi.hooks calls it on the new thread. */
static PyObject *
pool_run(PyObject *self, PyObject *Py_UNUSED(ignored))
{
	struct pyb_pool *p = (struct pyb_pool *)self;

	for (;;) {
		struct pyb_job *job;

		Py_BEGIN_ALLOW_THREADS
		job = job_wait(p);
		Py_END_ALLOW_THREADS
		if (job == NULL)
			Py_RETURN_NONE;
		while (job != NULL) {
			job->work(job);
			done_put(p, job);
			pthread_mutex_lock(&p->mutex);
			job = p->closing ? NULL : queue_take(p);
			pthread_mutex_unlock(&p->mutex);
		}
	}
}

static int
pool_open(struct pyb_pool *p)
{
	pthread_condattr_t attr;

	p->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (p->wake_fd < 0) {
		PyErr_SetFromErrno(PyExc_OSError);
		return -1;
	}
	pthread_mutex_init(&p->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->work, &attr);
	pthread_condattr_destroy(&attr);
	event_assign(&p->wake, io_turn_base(p->turn), p->wake_fd, EV_READ | EV_PERSIST,
	    on_wake, p);
	evtimer_assign(&p->tick, io_turn_base(p->turn), on_tick, p);
	event_add(&p->wake, NULL);
	return 0;
}

struct pyb_pool *
pyb_pool_new(struct pyb_module_state *st, PyObject *loop, struct io_turn *turn)
{
	struct pyb_pool *p = PyObject_New(struct pyb_pool, st->pool_type);

	if (p == NULL)
		return NULL;
	memset((char *)p + sizeof(PyObject), 0, sizeof(*p) - sizeof(PyObject));
	p->st = st;
	p->loop = loop;
	p->turn = turn;
	p->grow_job.run = grow;
	list_init(&p->queue);
	list_init(&p->beyond);
	list_init(&p->done);
	p->wake_fd = -1;
	if (pool_open(p) < 0)
		Py_CLEAR(p);
	return p;
}

void
pyb_pool_free(struct pyb_pool *p)
{
	struct list_node *node;
	struct list dropped;

	event_del(&p->wake);
	event_del(&p->tick);
	io_turn_remove(&p->grow_job);
	list_init(&dropped);
	pthread_mutex_lock(&p->mutex);
	p->closing = true;
	list_append_all(&dropped, &p->beyond);
	list_append_all(&dropped, &p->queue);
	p->waiting = p->waiting_beyond = 0;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->mutex);
	while ((node = list_take(&dropped)) != NULL) {
		struct pyb_job *job = container_of(node, struct pyb_job, node);

		if (job->dropped != NULL)
			job->dropped(job);
	}
	Py_DECREF(p);
}

static void
pool_dealloc(PyObject *self)
{
	struct pyb_pool *p = (struct pyb_pool *)self;
	PyTypeObject *type = Py_TYPE(self);

	if (p->wake_fd >= 0) {
		close(p->wake_fd);
		pthread_cond_destroy(&p->work);
		pthread_mutex_destroy(&p->mutex);
	}
	type->tp_free(self);
	Py_DECREF(type);
}

static PyMethodDef pool_methods[] = {
	{ "run", pool_run, METH_NOARGS, "Serve jobs on the calling thread until told to end." },
	{ NULL, NULL, 0, NULL }
};

static PyType_Slot pool_slots[] = {
	{ Py_tp_dealloc, pool_dealloc },
	{ Py_tp_methods, pool_methods },
	{ 0, NULL }
};

static PyType_Spec pool_spec = {
	.name = "fastrapi._engine.Pool",
	.basicsize = sizeof(struct pyb_pool),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION |
	    Py_TPFLAGS_IMMUTABLETYPE,
	.slots = pool_slots,
};

PyTypeObject *
pyb_pool_type_new(PyObject *module)
{
	return (PyTypeObject *)PyType_FromModuleAndSpec(module, &pool_spec, NULL);
}
