/*
 * zygote: a process that has loaded the application, and forks its generation's workers.
 *
 * With --preload it is the first process of a generation, in the place of the first worker. It
 * forks twice, so that a worker is the master's child, as any other. Until the worker has said
 * which process it is, its record's pid is MASTER_PID_UNKNOWN.
 */
#ifndef MASTER_ZYGOTE_H
#define MASTER_ZYGOTE_H

#include <stdint.h>

#include "base/attr.h"

enum { MASTER_FORK_MS = 10000 };	/* no fork takes as long, whatever the application does with it */

struct master;
struct master_child;
struct master_generation;

/* Start the zygote of `g`, which is LOADING. 0; -1 with errno or MASTER_SHORTAGE_CHILDREN. */
int master_zygote_start(struct master *m, struct master_generation *g) MUST_CHECK;

/* The zygote of `g`, when it can fork; else NULL. */
struct master_child *master_zygote_of(struct master *m, const struct master_generation *g);

/* Have `zygote` fork the worker `c`, whose record is filled and free. 0; -1 with errno. */
int master_zygote_fork(struct master_child *zygote, struct master_child *c) MUST_CHECK;

/* `c` says that it is process `text`. */
void master_zygote_forked(struct master *m, struct master_child *c, const char *text);

/* `c` has not been forked in time: it is given up, and its zygote with it, which hangs. */
void master_zygote_late(struct master *m, struct master_child *c, uint64_t now_ms);

/* `zygote` has died: say what it means for its generation's workers. */
void master_zygote_gone(const struct master_child *zygote);

#endif
