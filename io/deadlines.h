/*
 * deadlines: exact timers, strictly in the order of their times.
 *
 * A binary heap by time and, within one time, by order of addition. The owner
 * asks after every poll which deadlines are due. A poll itself touches only `set_to`, so
 * that the lock of the owner's other state guards the heap as well. A timerfd ends the
 * poll when the first deadline is due. It is set only when that deadline is earlier than
 * the time it is set to: a time-out that is cancelled before its time, as most are,
 * costs no system call.
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

/* 0, or -1 with errno set; io_deadlines_fini() must not be called then. */
int io_deadlines_init(struct io_deadlines *d, struct io_turn *turn) MUST_CHECK;

/* Take out the deadlines that still wait. Before io_turn_free(). */
void io_deadlines_fini(struct io_deadlines *d);

/* Let `node`, which does not wait, wait for `when`: seconds of clock_monotonic_s(), not
 * NaN; infinity never comes. 0, or -1 when out of memory. */
int io_deadlines_add(struct io_deadlines *d, struct io_deadline *node,
    double when) MUST_CHECK;

/* Let it wait no more; no-op when it does not. */
void io_deadlines_remove(struct io_deadlines *d, struct io_deadline *node);

/* The earliest deadline, due or not, which goes on waiting; NULL when none waits. */
struct io_deadline *io_deadlines_first(const struct io_deadlines *d);

/* Let the next poll end when the first deadline is due. Before a poll that may wait. */
void io_deadlines_arm(struct io_deadlines *d);

static inline bool
io_deadline_waits(const struct io_deadline *node)
{
	return node->place != 0;
}

#endif
