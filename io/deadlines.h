/*
 * deadlines: exact timers, strictly in the order of their times.
 *
 * A binary heap by time and, within one time, by order of addition. The owner
 * asks for what is due after every poll; nothing here is touched while the
 * loop polls, so what guards the owner's other state guards this as well. One
 * timerfd ends a poll that would sleep too long: it is set only when the first
 * deadline is earlier than what it is set to, so that time-outs which are
 * almost always cancelled cost no system calls.
 */
#ifndef IO_DEADLINES_H
#define IO_DEADLINES_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "io/turn.h"

/* Intrusive node, zero-initialised before first use. */
struct io_deadline {
	double when;		/* clock_monotonic_s() at which it is due */
	uint64_t order;
	size_t place;		/* in the heap, from 1; 0: not waiting */
};

struct io_deadlines {
	struct io_deadline **heap;
	size_t n, cap;
	uint64_t added;
	int timer_fd;
	double set_to;		/* when the timerfd fires; infinity: it does not */
	struct event event;
};

/* 0, or -1 with errno; nothing is left to finish then. */
int io_deadlines_init(struct io_deadlines *d, struct io_turn *turn) MUST_CHECK;

/* Those that still wait are forgotten. Before the turn is freed. */
void io_deadlines_fini(struct io_deadlines *d);

/* Wait for `when` (not NaN; infinity never comes). 0; -1 when out of memory. */
int io_deadlines_add(struct io_deadlines *d, struct io_deadline *node, double when) MUST_CHECK;

/* No-op when it does not wait. */
void io_deadlines_remove(struct io_deadlines *d, struct io_deadline *node);

/* The earliest, still waiting; NULL when there is none. */
struct io_deadline *io_deadlines_first(const struct io_deadlines *d);

/* Let the next poll, which may block, end when the first is due. */
void io_deadlines_arm(struct io_deadlines *d);

static inline bool
io_deadline_waits(const struct io_deadline *node)
{
	return node->place != 0;
}

#endif
