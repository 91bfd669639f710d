/*
 * timeouts: the kinds of waiting that end by time.
 *
 * One list per kind, because all timers of a list have the same length (io/timers.h).
 * Whoever begins to wait touches the list; whoever got what it waited for removes the
 * timer. A connection has two: `write_timer` for `write`, `timer` for one of the others
 * at a time. A WebSocket has one more, for `rest`.
 */
#ifndef WORKER_TIMEOUTS_H
#define WORKER_TIMEOUTS_H

#include "io/timers.h"

struct worker_conn;
struct worker_options;

struct worker_timeouts {
	struct io_timers head;		/* for the end of a head, from its first byte */
	struct io_timers idle;		/* for a request */
	struct io_timers content;	/* for more of the request's content */
	struct io_timers write;		/* for the peer to take more of the answers */
	struct io_timers linger;	/* for the peer to close after the last answer, or to
					 * send more of what is thrown away */
	struct io_timers parting;	/* in a drain: for a request that is on its way */
	struct io_timers ping;		/* until a WebSocket's client is asked whether it is there */
	struct io_timers pong;		/* for its answer */
	struct io_timers closing;	/* for its Close frame, after ours */
	struct io_timers rest;		/* until what compression has kept for it is freed */
};

/* What a list for content calls: the client gets its answer, as far as there is none yet. */
void worker_timeouts_content_expired(struct io_timer *timer);

void worker_timeouts_init(struct worker_timeouts *t, struct io_turn *turn,
    const struct worker_options *options);

/* A drain begins that has `grace_ms`. `parting` is as long as that allows, and empty: the
 * caller starts its timers anew. */
void worker_timeouts_drain(struct worker_timeouts *t, struct io_turn *turn, uint64_t grace_ms);

/* The connection has no request: its time to wait for one begins. */
void worker_timeouts_rest(struct worker_conn *c);

/* The last answer is sent and the output ended: the peer's time to close begins. */
void worker_timeouts_linger(struct worker_conn *c);

/* A peer that has not closed yet has sent something: its time begins anew, within a limit
 * for all of it. No-op before worker_timeouts_linger(). */
void worker_timeouts_linger_on(struct worker_conn *c);

/* Forgets the timers that still run. */
void worker_timeouts_fini(struct worker_timeouts *t);

#endif
