/*
 * probation: whether the generation that serves stays alive.
 *
 * A generation that has just taken the place of another is on probation until each of its workers
 * has served for a second. Meanwhile the other one is parked: it has given its connections away
 * and accepts nothing, but has not ended. When the workers of the new one keep dying, or are dead
 * and cannot be started again, it serves again.
 */
#ifndef MASTER_PROBATION_H
#define MASTER_PROBATION_H

#include <stdbool.h>
#include <stdint.h>

struct master;
struct master_child;
struct master_generation;

struct master_probation {
	struct master_generation *parked;	/* NULL: none could serve again */
	uint64_t until_ms;	/* the parked one ends at the latest then */
	unsigned deaths;	/* of workers that had hardly served, since all have */
	bool told;		/* that they keep dying */
	bool needed;		/* since a moment ago: none is left, and none can start */
};

/* `old` has been replaced: park it. Where one is parked already `old` has not proved itself, and
 * ends in its place. */
void master_probation_begin(struct master *m, struct master_generation *old);

/* A worker of the generation that serves has died at `now_ms` and was not told to end. True: it was
 * one too many, and another generation serves now. */
bool master_probation_death(struct master *m, const struct master_child *c, uint64_t now_ms);

/* Is a generation parked that has somebody who could serve again? */
bool master_probation_can_serve(struct master *m);

/* What is parked serves again at `now_ms` where nobody else does, or ends when it is not needed any
 * more. */
void master_probation_look(struct master *m, uint64_t now_ms);

/* When to look again; 0: not by the clock. */
uint64_t master_probation_next(struct master *m);

#endif
