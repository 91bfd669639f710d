/*
 * timers: coarse time-outs of one length.
 *
 * All timers of a list run for the same time, so that the list is always in order of
 * expiry: to start, restart or stop one costs a few pointer moves. One libevent timer
 * per list waits for the first. A timer expires late by a fiftieth of the length at
 * most, and never early.
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
	struct list running;		/* oldest first */
	struct event event;
	uint64_t length_ms;
	bool armed;
	io_timer_expired_f *expired;	/* interpreter not held; the timer runs no more */
};

/* An empty list. Its owner keeps it and the turn until io_timers_fini(). */
void io_timers_init(struct io_timers *l, struct io_turn *turn, uint64_t length_ms,
    io_timer_expired_f *expired);

/* Stop all timers. */
void io_timers_fini(struct io_timers *l);

/* Start, or start again, `timer` now. */
void io_timers_touch(struct io_timers *l, struct io_timer *timer);

/* Stop a timer; no-op when it does not run. */
void io_timers_remove(struct io_timer *timer);

static inline bool
io_timer_runs(const struct io_timer *timer)
{
	return list_has(&timer->node);
}

#endif
