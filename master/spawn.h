/*
 * spawn: starting a child.
 */
#ifndef MASTER_SPAWN_H
#define MASTER_SPAWN_H

#include "base/attr.h"

struct master;
struct master_child;

/* Fork and exec `c`, whose role, generation, slot and board are set, with the
 * descriptors and the command line of base/wire.h. 0; -1 with errno: nothing was
 * started, and the record is still free. */
int master_spawn(const struct master *m, struct master_child *c) MUST_CHECK;

#endif
