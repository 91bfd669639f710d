/*
 * deadlines: heap and timerfd.
 *
 * Called by bindings/loop for call_later() and call_at(). The timerfd may fire early,
 * when the deadline that it was set to was removed. It never fires late.
 */
#include "io/deadlines.h"

#include <event2/event.h>
#include <math.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/must.h"

enum { FIRST_CAP = 64 };

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct io_deadlines *d = arg;

	/* Edge-triggered: setting the timer again fires it again, nothing has to be read. */
	(void)fd;
	(void)what;
	d->set_to = INFINITY;
}

int
io_deadlines_init(struct io_deadlines *d, struct io_turn *turn)
{
	*d = (struct io_deadlines){ .set_to = INFINITY };
	d->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (d->timer_fd < 0)
		return -1;
	if (event_assign(&d->event, io_turn_base(turn), d->timer_fd,
	    EV_READ | EV_ET | EV_PERSIST, on_timer, d) == 0 &&
	    event_add(&d->event, NULL) == 0)
		return 0;
	close(d->timer_fd);
	return -1;
}

void
io_deadlines_fini(struct io_deadlines *d)
{
	for (size_t i = 0; i < d->n; i++)
		d->heap[i]->place = 0;
	event_del(&d->event);
	close(d->timer_fd);
	free(d->heap);
	*d = (struct io_deadlines){ .timer_fd = -1 };
}

static bool
before(const struct io_deadline *a, const struct io_deadline *b)
{
	return a->when < b->when || (a->when == b->when && a->order < b->order);
}

static void
put(struct io_deadlines *d, size_t i, struct io_deadline *node)
{
	d->heap[i] = node;
	node->place = i + 1;
}

/* Put `node` at the free place `i`, or above it where its ancestors are later. */
static void
sift_up(struct io_deadlines *d, size_t i, struct io_deadline *node)
{
	while (i > 0 && before(node, d->heap[(i - 1) / 2])) {
		put(d, i, d->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	put(d, i, node);
}

/* Put `node` at the free place `i`, or below it where its children are earlier. */
static void
sift_down(struct io_deadlines *d, size_t i, struct io_deadline *node)
{
	size_t child;

	while ((child = 2 * i + 1) < d->n) {
		if (child + 1 < d->n && before(d->heap[child + 1], d->heap[child]))
			child++;
		if (!before(d->heap[child], node))
			break;
		put(d, i, d->heap[child]);
		i = child;
	}
	put(d, i, node);
}

int
io_deadlines_add(struct io_deadlines *d, struct io_deadline *node, double when)
{
	must(node->place == 0 && !isnan(when));
	if (d->n == d->cap) {
		size_t cap = d->cap == 0 ? FIRST_CAP : d->cap * 2;
		struct io_deadline **grown = realloc(d->heap, cap * sizeof(*grown));

		if (grown == NULL)
			return -1;
		d->heap = grown;
		d->cap = cap;
	}
	node->when = when;
	node->order = d->added++;
	sift_up(d, d->n++, node);
	return 0;
}

void
io_deadlines_remove(struct io_deadlines *d, struct io_deadline *node)
{
	struct io_deadline *last;
	size_t i;

	if (node->place == 0)
		return;
	must(node->place <= d->n);
	i = node->place - 1;
	node->place = 0;
	last = d->heap[--d->n];
	if (last == node)
		return;
	if (i > 0 && before(last, d->heap[(i - 1) / 2]))
		sift_up(d, i, last);
	else
		sift_down(d, i, last);
}

struct io_deadline *
io_deadlines_first(const struct io_deadlines *d)
{
	return d->n > 0 ? d->heap[0] : NULL;
}

void
io_deadlines_arm(struct io_deadlines *d)
{
	const struct io_deadline *first = io_deadlines_first(d);
	struct itimerspec at = { { 0, 0 }, { 0, 0 } };
	double when;

	if (first == NULL || first->when >= d->set_to)
		return;
	/* Zero would switch the timer off; a time_t holds less than a double. */
	when = first->when < 1e-6 ? 1e-6 : first->when > 1e10 ? 1e10 : first->when;
	at.it_value.tv_sec = (time_t)when;
	at.it_value.tv_nsec = (long)((when - (double)at.it_value.tv_sec) * 1e9);
	must(timerfd_settime(d->timer_fd, TFD_TIMER_ABSTIME, &at, NULL) == 0);
	d->set_to = first->when;
}
