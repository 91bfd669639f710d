/*
 * spawn: the birth of a child.
 */
#ifndef MASTER_SPAWN_H
#define MASTER_SPAWN_H

#include "master/child.h"
#include "master/conf.h"
#include "master/listen.h"

/* Fork and exec `c` (role, slot and generation are set) with the descriptors of
 * base/wire.h. 0; -1 with errno: nothing was started. */
int master_spawn(struct master_child *c, const struct master_conf *conf,
    const char *python, const struct master_listeners *listeners, int table_fd,
    int boards_fd);

#endif
