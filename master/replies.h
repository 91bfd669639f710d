/*
 * replies: what children say over their channels.
 */
#ifndef MASTER_REPLIES_H
#define MASTER_REPLIES_H

#include <stdbool.h>

#include "master/child.h"

struct master;

/* Read one reply of `c` and act on it; never waits. False: there was none. */
bool master_replies_read(struct master *m, struct master_child *c);

#endif
