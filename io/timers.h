/*
 * timers: coarse time-outs of one kind.
 *
 * Every time-out of a list has the same length, so the list is always in order
 * of expiry and adding, touching and removing cost a few pointer moves. One
 * libevent timer per list looks at its head. Expiry is late by up to a tenth
 * of the length, never early.
 */
#ifndef IO_TIMERS_H
#define IO_TIMERS_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "io/turn.h"

/* Intrusive node, zero-initialised before first use. */
struct io_timer {
	struct list_node node;
	uint64_t since_ms;		/* clock_coarse_ms() when it was last touched */
};

typedef void io_timer_expired_f(struct io_timer *timer);

struct io_timers {
	struct io_turn *turn;
	struct list running;		/* oldest first */
	struct event event;
	uint64_t length_ms;
	bool armed;
	io_timer_expired_f *expired;	/* interpreter not held; the timer is out of the list */
};

void io_timers_init(struct io_timers *l, struct io_turn *turn, uint64_t length_ms,
    io_timer_expired_f *expired);
void io_timers_fini(struct io_timers *l);

/* Start, or start again, `timer` now. */
void io_timers_touch(struct io_timers *l, struct io_timer *timer);

/* No-op when it is not running. */
void io_timers_remove(struct io_timer *timer);

static inline bool
io_timer_runs(const struct io_timer *timer)
{
	return list_has(&timer->node);
}

#endif
