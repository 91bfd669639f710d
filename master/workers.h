/*
 * workers: starts, ends and replacements of workers.
 */
#ifndef MASTER_WORKERS_H
#define MASTER_WORKERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct master;
struct master_child;
struct master_generation;

enum {
	MASTER_DELAY_MAX_MS = 5000,	/* the longest wait before a replacement */
	MASTER_YOUNG_MS = 1000		/* who dies within so long has hardly served */
};

/* A worker's place; it outlives the worker. */
struct master_slot {
	uint64_t delay_ms;	/* back-off: how long the next replacement waits */
	uint64_t spawn_at_ms;	/* a replacement is due then; 0: none is */
};

/* Start a worker of `g` in `slot`. The first one of a generation that is LOADING is to load the
 * application. 0, or -1 with errno or MASTER_SHORTAGE_CHILDREN. */
int master_worker_start(struct master *m, struct master_generation *g, unsigned slot)
    MUST_CHECK;

/* The lowest board that no living worker or spare has. */
unsigned master_worker_board_free(struct master *m);

/* Give a child the table of its generation, which is sealed, or say that there is
 * none. One that cannot be told is killed. */
void master_worker_table(struct master_child *c);

/* Start the worker that is missing in `slot` of the generation that serves. A failure is
 * logged, and tried again after some seconds. */
void master_worker_add(struct master *m, unsigned slot);

/* Let a worker that is ready accept connections. */
void master_worker_serve(struct master *m, struct master_child *c);

/* Let a worker finish its requests within `ms`, then end it. `give`: others serve, and get its
 * connections. One that is still starting has none: it is ended now. One that was told to end
 * keeps the deadline it has. */
void master_worker_drain(struct master_child *c, uint64_t ms, bool give);

/* Another worker of its generation in its slot that starts or serves; NULL: there is none. */
struct master_child *master_worker_successor(struct master *m, const struct master_child *c);

/* What an operator gives requests to finish: --timeout-graceful-shutdown. */
uint64_t master_worker_grace_ms(const struct master *m);

/* A worker of the generation that serves has died at `now_ms`, or is to be replaced: its
 * replacement is due at once, or later and later when it has hardly served. */
void master_worker_replace(struct master *m, const struct master_child *c, uint64_t now_ms);

/* Each slot without a worker gets one now. */
void master_workers_fill(struct master *m);

/* TTIN, TTOU: so many workers more (`by` above 0) or less, within 1 and MASTER_MAX_WORKERS;
 * a change that goes beyond is logged, and nothing else.
 * While a generation is coming the change is kept (m->scale_due): all its workers have been
 * started, or will be at once. 0 only makes the changes that were kept. */
void master_workers_scale(struct master *m, int by);

#endif
