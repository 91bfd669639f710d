/*
 * reload: how the reloads have ended.
 */
#ifndef MASTER_RELOAD_H
#define MASTER_RELOAD_H

#include <stdbool.h>
#include <stdint.h>

struct master;

struct master_reload {
	unsigned begun, ended;	/* so many; one at a time */
	bool failed;		/* the last one, if none runs */
	char why[512];		/* ... it has; as far as it fits */
	uint64_t since_ms;	/* the last one has begun */
	uint64_t took_ms;	/* the last one that has ended */
	uint64_t ended_unix_ms;
};

void master_reload_begin(struct master *m);

/* It has ended, and the new generation serves. */
void master_reload_serves(struct master *m);

/* It has failed; of several causes the first is kept. */
void master_reload_fail(struct master *m, const char *why);

/* The one before serves again. No-op while another reload runs, whose end counts. */
void master_reload_undo(struct master *m, const char *why);

#endif
