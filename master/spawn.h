/*
 * spawn: starting a child.
 */
#ifndef MASTER_SPAWN_H
#define MASTER_SPAWN_H

#include <sys/types.h>

#include "base/attr.h"

struct conf;
struct master;
struct master_arguments;
struct master_child;

/* Fork and exec `c`, whose role, generation, slot and board are set, with the
 * descriptors and the command line of base/wire.h. 0; -1 with errno: nothing was
 * started, and the record is still free. */
int master_spawn(struct master *m, struct master_child *c) MUST_CHECK;

/* Fork and exec the command line `a` with the secrets of `conf` and `n` descriptors, from WIRE_CHANNEL_FD on.
 * The first is made here: the other side of `channel`, which is the caller's. Its process id; -1 with
 * errno: nothing was started. */
pid_t master_spawn_process(const struct master *m, const struct master_arguments *a,
    const struct conf *conf, int *fds, int n, int *channel) MUST_CHECK;

#endif
