/*
 * turn: flush, poll, run.
 *
 * Driven by bindings/loop/loop.c (and by tests). Called by the rest of io/, by
 * bindings/, worker/ and engine/ for jobs and flushes. libevent's callbacks run only
 * inside io_turn_poll() and must do nothing but move bytes and push jobs.
 */
#include "io/turn.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/must.h"

enum {
	SHARE = 256 * 1024,		/* bytes of one flush */
	TURN_BYTES = 1024 * 1024	/* of those in a turn */
};

struct io_turn {
	unsigned holders;
	struct event_base *base;
	struct event wake;
	int wake_fd;
	atomic_bool awake;	/* no wake-up is needed, or one is on its way */
	struct list jobs;
	struct list running;	/* jobs that io_turn_run() has still to run */
	struct list dirty;
	struct list waiting;	/* to be flushed, one share after the other */
};

static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	/* The poll has ended, which was all. The event is edge-triggered: each write
	 * fires it again, so nobody has to read the count. */
	(void)fd;
	(void)what;
	(void)arg;
}

static void
on_log(int severity, const char *message)
{
	/* Below ERR libevent only repeats what its return value said. */
	if (severity == EVENT_LOG_ERR)
		log_errorx("libevent: %s", message);
}

static struct event_base *
base_new(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base;

	if (config == NULL)
		return NULL;
	event_set_log_callback(on_log);
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV);
	base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

struct io_turn *
io_turn_new(void)
{
	struct io_turn *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->holders = 1;
	list_init(&t->jobs);
	list_init(&t->running);
	list_init(&t->dirty);
	list_init(&t->waiting);
	t->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	t->base = t->wake_fd >= 0 ? base_new() : NULL;
	if (t->base == NULL || event_assign(&t->wake, t->base, t->wake_fd,
	    EV_READ | EV_ET | EV_PERSIST, on_wake, t) < 0 || event_add(&t->wake, NULL) < 0) {
		if (t->base != NULL)
			event_base_free(t->base);
		if (t->wake_fd >= 0)
			close(t->wake_fd);
		free(t);
		return NULL;
	}
	atomic_store(&t->awake, true);
	return t;
}

void
io_turn_hold(struct io_turn *t)
{
	t->holders++;
}

void
io_turn_free(struct io_turn *t)
{
	must(t->holders > 0);
	if (--t->holders > 0)
		return;
	event_del(&t->wake);
	event_base_free(t->base);
	close(t->wake_fd);
	free(t);
}

void
io_turn_abandon(struct io_turn *t)
{
	list_init(&t->jobs);
	list_init(&t->running);
	list_init(&t->dirty);
	list_init(&t->waiting);
}

struct event_base *
io_turn_base(struct io_turn *t)
{
	return t->base;
}

void
io_turn_push(struct io_turn *t, struct io_job *job)
{
	must(job->run != NULL);
	if (!list_has(&job->node))
		list_append(&t->jobs, &job->node);
}

void
io_turn_remove(struct io_job *job)
{
	list_remove(&job->node);
}

void
io_turn_dirty(struct io_turn *t, struct io_flush *flush)
{
	must(flush->flush != NULL);
	if (!list_has(&flush->node))
		list_append(&t->dirty, &flush->node);
}

void
io_turn_await(struct io_turn *t, struct io_flush *flush)
{
	must(flush->flush != NULL);
	if (!list_has(&flush->node))
		list_append(&t->waiting, &flush->node);
}

void
io_turn_undirty(struct io_flush *flush)
{
	list_remove(&flush->node);
}

bool
io_turn_pending(const struct io_turn *t)
{
	return !list_is_empty(&t->jobs);
}

int
io_turn_each(const struct io_turn *t, int (*see)(const struct io_job *job, void *arg),
    void *arg)
{
	const struct list *const lists[] = { &t->running, &t->jobs };
	int rc = 0;

	for (size_t i = 0; i < 2; i++)
		LIST_EACH(node, lists[i])
			if (rc == 0)
				rc = see(container_of(node, struct io_job, node), arg);
	return rc;
}

void
io_turn_prepare(struct io_turn *t)
{
	atomic_store(&t->awake, false);
}

int
io_turn_poll(struct io_turn *t, bool block)
{
	/* EVLOOP_ONCE in both cases: without it libevent polls again for as long as
	 * anything is ready. */
	bool idle = list_is_empty(&t->jobs) && list_is_empty(&t->waiting);
	int flags = EVLOOP_ONCE | (block && idle ? 0 : EVLOOP_NONBLOCK);
	int rc = event_base_loop(t->base, flags);

	atomic_store(&t->awake, true);
	return rc < 0 ? -1 : 0;
}

void
io_turn_run(struct io_turn *t)
{
	struct list_node *node;

	list_append_all(&t->running, &t->jobs);
	while ((node = list_take(&t->running)) != NULL) {
		struct io_job *job = container_of(node, struct io_job, node);

		job->run(job);
	}
}

/* Flush one share; returns what is left of the turn's bytes. */
static size_t
share_flush(struct list_node *node, size_t left)
{
	struct io_flush *flush = container_of(node, struct io_flush, node);
	size_t sent = flush->flush(flush, SHARE);

	return sent < left ? left - sent : 0;
}

void
io_turn_flush(struct io_turn *t)
{
	size_t left = TURN_BYTES;
	struct list_node *node;

	while ((node = list_take(&t->dirty)) != NULL)
		left = share_flush(node, left);
	/* Who waits has half of the turn, however much went to others: theirs may be small
	 * answers without end. */
	if (left < TURN_BYTES / 2)
		left = TURN_BYTES / 2;
	while (left > 0 && (node = list_take(&t->waiting)) != NULL)
		left = share_flush(node, left);
}

void
io_turn_wake(struct io_turn *t)
{
	if (atomic_exchange(&t->awake, true))
		return;
	while (eventfd_write(t->wake_fd, 1) < 0 && errno == EINTR)
		continue;
}
