/*
 * timeouts: the kinds of waiting that end by time.
 *
 * One list per kind, because all timers of a list have the same length (io/timers.h).
 * Whoever begins to wait touches the list; whoever got what it waited for removes the
 * timer. A connection has two: `write_timer` for `write`, `timer` for one of the others
 * at a time.
 */
#ifndef WORKER_TIMEOUTS_H
#define WORKER_TIMEOUTS_H

#include "io/timers.h"

struct worker_options;

struct worker_timeouts {
	struct io_timers head;		/* for the end of a head, from its first byte */
	struct io_timers rest;		/* for a request, before the buffers are given back */
	struct io_timers idle;		/* ... and after that */
	struct io_timers content;	/* for more of the request's content */
	struct io_timers write;		/* for the peer to take more of the answers */
	struct io_timers linger;	/* for the peer to close after the last answer, or,
					 * in a drain, to send its first request */
};

void worker_timeouts_init(struct worker_timeouts *t, struct io_turn *turn,
    const struct worker_options *options);

/* Forgets the timers that still run. */
void worker_timeouts_fini(struct worker_timeouts *t);

#endif
