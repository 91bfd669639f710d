/*
 * hands: which requests this worker has in hand, for whoever looks at its board.
 */
#ifndef WORKER_HANDS_H
#define WORKER_HANDS_H

#include "shm/hands.h"

struct worker;
struct worker_conn;

/* Who has which hand on the board. */
struct worker_hands {
	const struct worker_conn *owners[SHM_HANDS];	/* NULL: the hand is free */
	unsigned next;		/* taken from its owner when none is free */
};

/* The connection's request, whose head has been read, is in hand from now on; it no longer
 * is. Both keep the board's count. The first SHM_HANDS requests can be read on the board, a
 * later one takes the place of another. */
void worker_hands_take(struct worker_conn *c);
void worker_hands_drop(struct worker_conn *c);

/* Its route is known: the template goes on the board, too, where it is not the path itself. */
void worker_hands_route(struct worker_conn *c);

#endif
