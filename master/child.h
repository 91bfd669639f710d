/*
 * child: a process of ours, from birth to burial.
 */
#ifndef MASTER_CHILD_H
#define MASTER_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct master_generation;

enum master_role { ROLE_LOADER, ROLE_WORKER };

enum master_child_state {
	CHILD_STARTING,		/* until DONE or READY */
	CHILD_READY,		/* started, not yet told to serve */
	CHILD_SERVING,
	CHILD_DRAINING,		/* told to finish */
	CHILD_FAILED		/* said FAILED; its end is near */
};

struct master_child {
	pid_t pid;		/* 0: the record is free */
	int channel;		/* -1 once the other side is gone */
	enum master_role role;
	enum master_child_state state;
	unsigned slot;		/* of a worker */
	unsigned board;		/* of a worker: its own among the living */
	struct master_generation *generation;
	uint64_t serves_since_ms;
	uint64_t kill_at_ms;	/* KILL when still alive then; 0: no such time */
	bool begun;		/* its Python runs fastrapi */
	bool killed;		/* by us, so its death is no crash */
};

/* "loader", "worker 3": for messages; static buffer of the caller's. */
const char *master_child_name(const struct master_child *c, char text[32]);

/* Send an order. A child that cannot take it is dead or stuck: its end comes
 * from elsewhere, so nothing is returned. */
void master_child_order(struct master_child *c, const char *order);

/* Its time is over: KILL. A replacement that did not start is one more that died,
 * and logged; the rest end as they were told to. */
void master_child_overdue(struct master_child *c);

/* How a dead child ended, in words: "exit status 3", "signal 11 (Segmentation
 * fault)". */
const char *master_child_ending(int status, char text[64]);

/* The exit code (base/wire.h) of a start whose child died like that without saying
 * why. */
int master_child_exit_code(const struct master_child *c, int status);

#endif
