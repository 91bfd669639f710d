/*
 * workers: births, ends and replacements of workers.
 */
#ifndef MASTER_WORKERS_H
#define MASTER_WORKERS_H

#include "master/master.h"

/* Start a worker of `g` in `slot`. 0, or -1 with errno. */
int master_worker_start(struct master *m, struct master_generation *g, unsigned slot);

/* The same for the generation that serves; a failure is logged and tried again. */
void master_worker_add(struct master *m, unsigned slot);

/* Let a worker finish its requests within `ms`, then end it; one that has not
 * started has none. */
void master_worker_drain(struct master_child *c, uint64_t ms);

/* A worker of the generation that serves died: replace it, later and later when
 * it has hardly served. */
void master_worker_replace(struct master *m, const struct master_child *c);

/* One slot more or less, from now on; there is room for it. */
void master_worker_more(struct master *m);
void master_worker_less(struct master *m);

#endif
