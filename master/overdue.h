/*
 * overdue: children that take too long.
 */
#ifndef MASTER_OVERDUE_H
#define MASTER_OVERDUE_H

#include <stdint.h>

struct master;
struct master_child;

enum { MASTER_STACKS_MS = 1000 };	/* between the order to show stacks and KILL */

/* `c` has not started or ended in time: say so, with what it is doing, and have it print its
 * Python stacks if it can. */
void master_overdue_tell(const struct master *m, struct master_child *c, uint64_t now_ms);

/* kill_at_ms of `c` has passed: tell, and KILL after MASTER_STACKS_MS. One that nobody told
 * to end does not count as told: its death is a crash, so that it is replaced. Of one that was not
 * forked yet the zygote is late. */
void master_overdue(struct master *m, struct master_child *c, uint64_t now_ms);

#endif
