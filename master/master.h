/*
 * master: the supervisor's state and its loop.
 *
 * One process, one thread, no Python, no request bytes. It owns the listeners,
 * starts and ends children, and keeps serving whatever they do.
 */
#ifndef MASTER_MASTER_H
#define MASTER_MASTER_H

#include <limits.h>
#include <stdbool.h>

#include "master/child.h"
#include "master/conf.h"
#include "master/generation.h"
#include "master/listen.h"

enum {
	END_GRACE_MS = 2000,	/* from the deadline of an end to KILL */
	MASTER_MAX_WORKERS = CONF_HIGH_workers,
	MASTER_MAX_GENERATIONS = 4,
	MASTER_MAX_CHILDREN = MASTER_MAX_WORKERS * MASTER_MAX_GENERATIONS + MASTER_MAX_GENERATIONS,
};

/* A worker's place; it outlives the worker. */
struct master_slot {
	uint64_t delay_ms;	/* back-off: how long to wait before the next birth */
	uint64_t spawn_at_ms;	/* a replacement is due then; 0: none is */
};

struct master {
	struct master_conf conf;
	char python[PATH_MAX];
	struct master_listeners listeners;
	struct master_child children[MASTER_MAX_CHILDREN];
	struct master_generation generations[MASTER_MAX_GENERATIONS];
	struct master_generation *serving;	/* NULL before the first */
	struct master_slot slots[MASTER_MAX_WORKERS];
	unsigned n_workers;
	unsigned generation_count;
	int signal_fd;
	int boards_fd;		/* one board for every child there can be */
	bool reload_due;	/* HUP came while a generation was loading */
	bool stopping;
	bool banner_shown;
	int exit_code;
};

/* Run until everything has ended; the exit code. */
int master_run(struct master *m);

/* A free record for a child; NULL when there is none. */
struct master_child *master_child_add(struct master *m, enum master_role role,
    struct master_generation *g);

/* What requests may take at the end. */
uint64_t master_grace_ms(const struct master *m);

/* Ask for the end of a child: TERM now, KILL after `ms`. */
void master_child_end(struct master_child *c, uint64_t ms);

#endif
