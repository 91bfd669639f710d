/*
 * timers: one list per kind of time-out.
 *
 * Called by worker/ for header, keep-alive, content and write time-outs.
 */
#include "io/timers.h"

#include <event2/event.h>
#include <string.h>

#include "base/clock.h"
#include "base/must.h"

/* The timer that expires next; NULL when none runs. */
static struct io_timer *
first(const struct io_timers *l)
{
	struct list_node *node = list_first(&l->running);

	return node != NULL ? container_of(node, struct io_timer, node) : NULL;
}

static void
arm(struct io_timers *l)
{
	uint64_t now = clock_coarse_ms();
	uint64_t due = first(l)->since_ms + l->length_ms;
	/* A little later, so that those that follow soon expire in the same wake-up. */
	uint64_t wait = (due > now ? due - now : 0) + l->length_ms / 64 + 1;
	struct timeval tv = { (time_t)(wait / 1000), (suseconds_t)(wait % 1000) * 1000 };

	/* Without memory for it the next touch tries again. */
	l->armed = evtimer_add(&l->event, &tv) == 0;
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct io_timers *l = arg;
	uint64_t now = clock_coarse_ms();
	struct io_timer *timer;

	(void)fd;
	(void)what;
	l->armed = false;
	while ((timer = first(l)) != NULL && timer->since_ms + l->length_ms <= now) {
		io_timers_remove(timer);
		l->expired(timer);
	}
	if (timer != NULL)
		arm(l);
}

void
io_timers_init(struct io_timers *l, struct io_turn *turn, uint64_t length_ms,
    io_timer_expired_f *expired)
{
	must(expired != NULL);
	memset(l, 0, sizeof(*l));
	l->length_ms = length_ms;
	l->expired = expired;
	list_init(&l->running);
	evtimer_assign(&l->event, io_turn_base(turn), on_timer, l);
}

void
io_timers_fini(struct io_timers *l)
{
	while (list_take(&l->running) != NULL)
		continue;
	evtimer_del(&l->event);
}

void
io_timers_touch(struct io_timers *l, struct io_timer *timer)
{
	io_timers_remove(timer);
	timer->since_ms = clock_coarse_ms();
	list_append(&l->running, &timer->node);
	if (!l->armed)
		arm(l);
}

void
io_timers_remove(struct io_timer *timer)
{
	list_remove(&timer->node);
}
