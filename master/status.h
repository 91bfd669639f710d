/*
 * status: the server in one line, and whether it lives.
 */
#ifndef MASTER_STATUS_H
#define MASTER_STATUS_H

#include <stdbool.h>
#include <stdint.h>

struct master;
struct master_generation;

enum { MASTER_STATUS_BYTES = 192 };	/* room for the line and NUL */

/* "generation 7, 4 workers, 12 requests in hand; 3 lines of the log lost", or what the server waits
 * for. */
void master_status_text(struct master *m, char text[MASTER_STATUS_BYTES]);

/* Workers of `g` that serve; NULL: all that there are, whatever they do. */
unsigned master_status_workers(struct master *m, const struct master_generation *g);

/* Has the event loop of a worker that serves turned within `ms`? True as well while a start,
 * the end or a replacement takes the time that it may. */
bool master_status_beats(struct master *m, uint64_t ms);

#endif
