/*
 * turn: poll, run, flush.
 *
 * Driven by bindings/loop/loop.c (and by tests). libevent callbacks run inside
 * io_turn_poll() only and must do nothing but move bytes and push jobs.
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

struct io_turn {
	struct event_base *base;
	struct event wake;
	int wake_fd;
	atomic_bool awake;	/* a wake-up is not needed, or already on its way */
	struct io_job *first, *last;
	struct io_job *running;	/* the snapshot being run */
	struct io_flush *dirty_first, *dirty_last;
};

static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	/* Nothing to do but to have woken. Edge-triggered: every write makes an
	 * edge, the count need not be read. */
	(void)fd;
	(void)what;
	(void)arg;
}

static void
on_log(int severity, const char *message)
{
	/* Lesser things are errors of a call, which its caller reports. */
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
io_turn_free(struct io_turn *t)
{
	event_del(&t->wake);
	event_base_free(t->base);
	close(t->wake_fd);
	free(t);
}

struct event_base *
io_turn_base(struct io_turn *t)
{
	return t->base;
}

void
io_turn_push(struct io_turn *t, struct io_job *job)
{
	if (job->queued)
		return;
	job->queued = true;
	job->next = NULL;
	if (t->last != NULL)
		t->last->next = job;
	else
		t->first = job;
	t->last = job;
}

static bool
unlink_job(struct io_job **list, struct io_job *job, struct io_job **last)
{
	struct io_job *before = NULL;

	for (struct io_job *j = *list; j != NULL; before = j, j = j->next) {
		if (j != job)
			continue;
		if (before != NULL)
			before->next = job->next;
		else
			*list = job->next;
		if (last != NULL && *last == job)
			*last = before;
		return true;
	}
	return false;
}

void
io_turn_remove(struct io_turn *t, struct io_job *job)
{
	if (!job->queued)
		return;
	if (!unlink_job(&t->first, job, &t->last))
		must(unlink_job(&t->running, job, NULL));
	job->queued = false;
}

void
io_turn_dirty(struct io_turn *t, struct io_flush *node)
{
	if (node->queued)
		return;
	node->queued = true;
	node->next = NULL;
	if (t->dirty_last != NULL)
		t->dirty_last->next = node;
	else
		t->dirty_first = node;
	t->dirty_last = node;
}

void
io_turn_undirty(struct io_turn *t, struct io_flush *node)
{
	struct io_flush *before = NULL;

	if (!node->queued)
		return;
	for (struct io_flush *f = t->dirty_first; f != NULL; before = f, f = f->next) {
		if (f != node)
			continue;
		if (before != NULL)
			before->next = f->next;
		else
			t->dirty_first = f->next;
		if (t->dirty_last == f)
			t->dirty_last = before;
		break;
	}
	node->queued = false;
}

bool
io_turn_pending(const struct io_turn *t)
{
	return t->first != NULL;
}

int
io_turn_each(const struct io_turn *t, int (*see)(const struct io_job *job, void *arg), void *arg)
{
	const struct io_job *const lists[] = { t->running, t->first };
	int rc = 0;

	for (size_t i = 0; i < 2; i++)
		for (const struct io_job *job = lists[i]; job != NULL && rc == 0; job = job->next)
			rc = see(job, arg);
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
	/* ONCE in any case: NONBLOCK alone goes on while anything is ready. */
	int flags = EVLOOP_ONCE | (block && t->first == NULL ? 0 : EVLOOP_NONBLOCK);
	int rc = event_base_loop(t->base, flags);

	atomic_store(&t->awake, true);
	return rc < 0 ? -1 : 0;
}

size_t
io_turn_run(struct io_turn *t)
{
	size_t n = 0;

	must(t->running == NULL);
	t->running = t->first;
	t->first = t->last = NULL;
	while (t->running != NULL) {
		struct io_job *job = t->running;

		t->running = job->next;
		job->queued = false;
		n++;
		job->run(job);
	}
	return n;
}

void
io_turn_flush(struct io_turn *t)
{
	while (t->dirty_first != NULL) {
		struct io_flush *node = t->dirty_first;

		t->dirty_first = node->next;
		if (t->dirty_first == NULL)
			t->dirty_last = NULL;
		node->queued = false;
		node->flush(node);
	}
}

void
io_turn_wake(struct io_turn *t)
{
	if (atomic_exchange(&t->awake, true))
		return;
	while (eventfd_write(t->wake_fd, 1) < 0 && errno == EINTR)
		continue;
}
