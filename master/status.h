/*
 * status: the server in one line, and whether it lives.
 */
#ifndef MASTER_STATUS_H
#define MASTER_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "shm/board.h"

struct master;
struct master_child;
struct master_generation;

enum { MASTER_STATUS_BYTES = 192 };	/* room for the line and NUL */

/* "generation 7, 4 workers, 12 requests in hand; 3 lines of the log lost", or what the server waits
 * for. */
void master_status_text(struct master *m, char text[MASTER_STATUS_BYTES]);

/* Workers of `g` that serve; NULL: all that there are, whatever they do. */
unsigned master_status_workers(struct master *m, const struct master_generation *g);

/* The board of a worker, living or just dead, into `b`. False: it cannot be read, or is not its own yet. */
bool master_status_board(const struct master *m, const struct master_child *c, struct shm_board *b)
    MUST_CHECK;

/* The sum of all workers that there are, those that drain as well. */
uint64_t master_status_count(struct master *m, enum shm_counter which);

/* Has the event loop of a worker that serves turned within `ms`? True as well while a start,
 * the end or a replacement takes the time that it may. */
bool master_status_beats(struct master *m, uint64_t ms);

#endif
