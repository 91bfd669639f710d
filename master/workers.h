/*
 * workers: starts, ends and replacements of workers.
 */
#ifndef MASTER_WORKERS_H
#define MASTER_WORKERS_H

#include <stdint.h>

#include "base/attr.h"

struct master;
struct master_child;
struct master_generation;

/* A worker's place; it outlives the worker. */
struct master_slot {
	uint64_t delay_ms;	/* back-off: how long the next replacement waits */
	uint64_t spawn_at_ms;	/* a replacement is due then; 0: none is */
};

/* Start a worker of `g` in `slot`. 0, or -1 with errno or MASTER_SHORTAGE_CHILDREN. */
int master_worker_start(struct master *m, struct master_generation *g, unsigned slot)
    MUST_CHECK;

/* Start the worker that is missing in `slot` of the generation that serves. A failure is
 * logged, and tried again after some seconds. */
void master_worker_add(struct master *m, unsigned slot);

/* Let a worker that is ready accept connections. */
void master_worker_serve(struct master_child *c);

/* Let a worker finish its requests within `ms`, then end it. One that is still starting
 * has none: it is ended now. One that was told to end keeps the deadline it has. */
void master_worker_drain(struct master_child *c, uint64_t ms);

/* What an operator gives requests to finish: --timeout-graceful-shutdown. */
uint64_t master_worker_grace_ms(const struct master *m);

/* A worker of the generation that serves has died at `now_ms`: its replacement is due at
 * once, or later and later when it has hardly served. */
void master_worker_replace(struct master *m, const struct master_child *c, uint64_t now_ms);

/* Add a slot, or remove the last; the caller checks the limits (1, MASTER_MAX_WORKERS). */
void master_worker_more(struct master *m);
void master_worker_less(struct master *m);

#endif
