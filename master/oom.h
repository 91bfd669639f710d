/*
 * oom: did the kernel kill for want of memory?
 */
#ifndef MASTER_OOM_H
#define MASTER_OOM_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

enum {
	MASTER_OOM_SCORE = 200,		/* what children have more than the master */
	MASTER_OOM_TEXT_BYTES = 320
};

struct master_oom {
	char directory[PATH_MAX];	/* of the cgroup; "" when it is unknown */
	char group[128];		/* its path, as far as it fits */
	bool v1;
	int counter_fd;			/* -1: there is no counter that can be read */
	uint64_t kills;			/* as read last */
	uint64_t unclaimed;		/* of them: those of which no death is known */
	uint64_t seen_ms;		/* when the counter rose last */
};

/* Find the counter of this process's cgroup, which its children share. Without one
 * master_oom_claim() says no. */
void master_oom_open(struct master_oom *o);

/* [child] Be killed before the master is, and with every program that is started from here.
 * Between fork and exec: it allocates nothing. */
void master_oom_volunteer(void);

/* Which directory has the counter, by the texts of /proc/self/cgroup and
 * /proc/self/mountinfo. 0; -1: none has. */
int master_oom_parse(struct master_oom *o, const char *groups, const char *mounts) MUST_CHECK;

/* Read the counter. What it rose by longer ago was not for a death that comes now. */
void master_oom_look(struct master_oom *o, uint64_t now_ms);

/* A child was killed: was it by the kernel, for want of memory? */
bool master_oom_claim(struct master_oom *o, uint64_t now_ms);

/* What is said of it then, with the limit as it is now. Written to `text` and returned. */
const char *master_oom_text(const struct master_oom *o, char text[MASTER_OOM_TEXT_BYTES]);

#endif
