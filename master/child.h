/*
 * child: a process of ours, from its start to its removal.
 *
 * The records of all children are one table. A record is free while its pid is 0.
 */
#ifndef MASTER_CHILD_H
#define MASTER_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/conf.h"
#include "base/wire.h"
#include "master/recycle.h"
#include "master/watchdog.h"

struct master_generation;

enum {
	MASTER_MAX_WORKERS = CONF_HIGH_workers,	/* of one generation */
	MASTER_MAX_GENERATIONS = 4,
	/* Each has its workers, and one process more. */
	MASTER_MAX_CHILDREN = MASTER_MAX_GENERATIONS * (1 + MASTER_MAX_WORKERS),
	MASTER_END_GRACE_MS = 2000,	/* between the deadline of an end and KILL */
	MASTER_NAME_BYTES = 32,
	MASTER_ENDING_BYTES = 64
};

enum master_role {
	ROLE_WORKER,
	ROLE_ZYGOTE,	/* has loaded the application, and forks its generation's workers */
	ROLE_SPARE	/* has imported the application, and will be a worker */
};

enum { MASTER_PID_UNKNOWN = -1 };	/* of a worker that a zygote is to fork */

enum master_child_state {
	CHILD_STARTING,		/* until READY */
	CHILD_READY,		/* started, not yet told to serve */
	CHILD_SERVING,
	CHILD_DRAINING,		/* told to finish */
	CHILD_FAILED		/* said FAILED; exits next */
};

struct master_child {
	pid_t pid;		/* 0: the record is free; or MASTER_PID_UNKNOWN */
	int channel;		/* -1 once the other side is gone */
	enum master_role role;
	enum master_child_state state;
	unsigned slot;		/* of a worker */
	unsigned board;		/* of a worker or spare: no other living one has it */
	struct master_generation *generation;
	uint64_t since_ms;	/* its start, or the order to drain or end */
	uint64_t begun_ms;	/* its start */
	uint64_t serves_since_ms;
	uint64_t kill_at_ms;	/* KILL when still alive then; 0: no such time */
	struct master_pulse pulse;	/* of a worker that serves */
	struct master_terms terms;	/* the same */
	bool loads;		/* it is the first of its generation, and writes the table */
	bool again;		/* the one before could not start: what it says is known */
	bool begun;		/* its Python runs fastrapi */
	bool imported;		/* ... and has imported the application */
	bool leaves;		/* its end is announced in the log, another takes its place */
	bool ended;		/* the application's shutdown has run: only the exit is left */
	bool told_to_end;	/* by master_child_end() or _kill(): its death is no crash */
	bool killed;		/* by us */
	bool overdue;		/* it was told that this one is late */
	bool reaped;		/* its pid may be another process's: it gets no signal */
};

struct master_children {
	struct master_child at[MASTER_MAX_CHILDREN];
};

/* A free record, filled for a child of `g`. master_spawn() takes it, by setting the pid;
 * until then the next call returns the same one. NULL: all are taken, errno is
 * MASTER_SHORTAGE_CHILDREN (master/shortage.h). */
struct master_child *master_child_free_record(struct master_children *children,
    enum master_role role, struct master_generation *g) MUST_CHECK;

/* A dead child: close its channel and free its record. */
void master_child_remove(struct master_child *c);

/* The first child behind `after` (NULL: of all) that belongs to `g` (NULL: to any
 * generation); NULL when there is no more. Works even if `after` was removed
 * meanwhile. */
struct master_child *master_child_next(struct master_children *children,
    const struct master_generation *g, const struct master_child *after);

/* "zygote", "spare" or "worker 3", written to `text` and returned. */
const char *master_child_name(const struct master_child *c, char text[MASTER_NAME_BYTES]);

/* Send an order of base/wire.h; never waits. A child that cannot take it is dead or
 * stuck, which shows elsewhere: nothing is returned. */
void master_child_order(struct master_child *c, const char *order);

/* The same, with a descriptor, which stays the caller's. 0, or -1 with errno: it was not sent. */
int master_child_order_fd(struct master_child *c, const char *order, int fd) MUST_CHECK;

/* Read the next reply into `text`, which ends with NUL; never waits. False: there is
 * none; the channel is closed when the child's side of it is gone. */
bool master_child_receive(struct master_child *c, char text[WIRE_MESSAGE_MAX + 1]) MUST_CHECK;

/* Close the channel: what it says is not heard any more. */
void master_child_hang_up(struct master_child *c);

/* TERM now, KILL after MASTER_END_GRACE_MS. Once is enough. */
void master_child_end(struct master_child *c);

/* KILL now. Not `told`: its death is a crash. */
void master_child_kill(struct master_child *c, bool told);

/* Have it print the Python stacks of its threads. No-op when its Python cannot. */
void master_child_show_stacks(struct master_child *c);

/* How a dead child ended, from its wait status: "exit status 3", "signal 11
 * (Segmentation fault)". Written to `text` and returned. */
const char *master_child_ending(int status, char text[MASTER_ENDING_BYTES]);

/* The exit code (base/wire.h) of a start whose child ended with this wait status and
 * had not said why. */
int master_child_exit_code(const struct master_child *c, int status);

#endif
