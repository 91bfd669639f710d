/*
 * crashes: the last ends of children that nobody had asked for.
 */
#ifndef MASTER_CRASHES_H
#define MASTER_CRASHES_H

#include <stdint.h>
#include <sys/types.h>

#include "shm/hands.h"

struct master;
struct master_child;

enum { MASTER_CRASHES_KEPT = 8, MASTER_CRASH_BYTES = 512 };

struct master_crash {
	uint64_t at_unix_ms;
	uint64_t age_ms;	/* of the process then */
	pid_t pid;
	unsigned generation;
	char who[32];		/* "worker 3" */
	int signal, status;	/* that it ended with: one of the two, the other is -1 */
	char text[MASTER_CRASH_BYTES];	/* as the log has it, as far as it fits */
	struct shm_hands hands;	/* its requests then, if its board was its own */
	uint64_t active;	/* how many there were, as it has said */
};

struct master_crashes {
	uint64_t n;		/* in all; the newest is at (n - 1) % MASTER_CRASHES_KEPT */
	struct master_crash at[MASTER_CRASHES_KEPT];
};

/* `c` has ended with this wait status, and `text` says so in the log. Whom the watchdog has given up is
 * one of them. */
void master_crashes_note(struct master *m, const struct master_child *c, int status, const char *text);

#endif
