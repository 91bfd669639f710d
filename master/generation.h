/*
 * generation: one load of the application.
 *
 *	LOADING ----> STARTING ----> SERVING <---> PARKED ----> DRAINING ----> (buried)
 *	  | its first   | the others    another      that one     its children
 *	  | worker      | start         serves       stays        have ended
 *	  | compiles    |
 *	  |             |
 *	  '-------------'--> FAILED ----> (buried)
 *	                       its children are ended; the old one serves on, and
 *	                       without an old one the server ends
 *
 * When the server is told to end (signals.c stop), every one goes to DRAINING.
 *
 * The walk of one SIGHUP; each line that begins with a file name is a wake-up of
 * master.c, wait_once():
 *
 *	signals.c  read > generation.c reload > load
 *	             > workers.c start (the first) > child.c a record > spawn.c
 *	replies.c  BEGUN, of every child: noted in its record
 *	replies.c  IMPORTED, of the first > generation.c imported
 *	             > workers.c start, per other slot > child.c a record > spawn.c
 *	replies.c  DONE, of the first > generation.c loaded: seal the table
 *	             > workers.c table > child.c order TABLE, per worker
 *	replies.c  READY > generation.c ready; at the last worker's: swap
 *	             > workers.c serve > child.c order SERVE, per new worker
 *	             > probation.c begin > child.c order PARK, per old worker
 *	(a second later) master.c the clock > probation.c look > generation.c drain
 *	             > workers.c drain > child.c order GIVE
 *	reap.c     (by signals.c, CHLD) an old worker has ended; after the last one, the
 *	             next round of master.c run > generation.c bury
 *
 * It fails instead, until the swap, with FAILED (replies.c) or the death (reap.c) of any
 * child, or by the clock (master.c): > generation.c failed > child.c end, per child. What
 * a child said last is read by reap.c, if its death is seen first.
 */
#ifndef MASTER_GENERATION_H
#define MASTER_GENERATION_H

#include <stdint.h>

#include "master/develop.h"

struct master;

enum master_generation_state {
	GENERATION_NONE,	/* the record is free */
	GENERATION_LOADING,	/* the first worker imports, starts and compiles */
	GENERATION_STARTING,	/* the table is sealed; the others start the application */
	GENERATION_SERVING,
	GENERATION_PARKED,	/* another serves, and is on probation (master/probation.h) */
	GENERATION_DRAINING,
	GENERATION_FAILED
};

struct master_generation {
	enum master_generation_state state;
	unsigned number;
	int table_fd;		/* being written, then sealed and read-only; -1: none */
	uint64_t table_size;	/* 0: the application has no table */
	char app[256], routes[512];	/* module:attribute and how it runs, as the first worker says */
	char docs[128];		/* the path of its documentation, as it says; may be empty */
	char python[32], framework[32];	/* versions, as it says */
	uint64_t since_ms;	/* it is being loaded */
	uint64_t start_by_ms;	/* until it serves */
	const struct master_conf *conf;	/* its own, or that of the start */
	char excuse[MASTER_EXCUSE_BYTES];	/* why a page is served instead; "": none is */
	char excused[MASTER_EXCUSE_BYTES];	/* the same, where the first worker says so itself */
	unsigned n_workers;	/* while it does not serve; else it is m->n_workers */
};

/* Begin loading with this configuration, of which it is the owner. The caller made sure that none
 * is coming and a record is free. A failure is the generation's (master_generation_failed). */
void master_generation_load(struct master *m, const struct master_conf *conf);

/* The configuration that counts now: of the generation that serves, else of the start. */
const struct conf *master_generation_conf(const struct master *m);

/* HUP: begin loading, or remember that it is due (m->reload_due) while a generation is
 * coming, none has served yet, or too many drain. Several that wait become one. */
void master_generation_reload(struct master *m);

/* The first worker or the zygote of `g`, which is coming, has imported the application: start the
 * (other) workers. Now,
 * so that two do not import it at the same time for the first time: many an application makes its
 * database then. */
void master_generation_imported(struct master *m, struct master_generation *g);

/* The first worker of `g`, which is LOADING, has written `size` bytes: compare the
 * size, seal the table, give it to the workers. */
void master_generation_loaded(struct master *m, struct master_generation *g,
    uint64_t size);

/* A worker of `g` has started. When all have, `g` serves and the old one drains. */
void master_generation_ready(struct master *m, struct master_generation *g);

/* `g`, which is coming, cannot go on: `text` is logged, its children are ended. `code`
 * is the server's exit code when no other generation serves. */
void master_generation_failed(struct master *m, struct master_generation *g, int code,
    const char *text);

/* `g`, which is coming, is not wanted any more: its children are ended. */
void master_generation_abort(struct master *m, struct master_generation *g);

/* A reload is over before it began: `text` says why. */
void master_generation_refused(struct master *m, const char *text);

/* start_by_ms has passed: show where it hangs, and a moment later give it up. */
void master_generation_overdue(struct master *m, struct master_generation *g,
    uint64_t now_ms);

/* Finish the requests of `g` within `ms`, then end it. */
void master_generation_drain(struct master *m, struct master_generation *g, uint64_t ms);

/* Every one but `spared` (NULL: none is) drains within `ms`. */
void master_generations_drain(struct master *m, const struct master_generation *spared, uint64_t ms);

/* Free the records of generations that have ended, or failed, and have no child. */
void master_generations_bury(struct master *m);

#endif
