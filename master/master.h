/*
 * master: the supervisor's state and its loop.
 *
 * One process, one thread, no Python, no request parsed. It owns the listeners, starts
 * and ends children, and keeps serving whatever they do.
 *
 * Words of this room:
 *	slot	a worker's place, 0 to --workers - 1. It outlives the worker.
 *	coming	of a generation: being loaded or started, beside the one that serves.
 *	drain	finish the requests in hand within a time, then end.
 *	end	TERM, and KILL two seconds later.
 *	reap	take the wait status of a dead child (waitpid), and act on its death.
 *	bury	free the record of a generation whose last child has been reaped.
 */
#ifndef MASTER_MASTER_H
#define MASTER_MASTER_H

#include <stdbool.h>

#include "master/child.h"
#include "master/control.h"
#include "master/crashes.h"
#include "master/develop.h"
#include "master/generation.h"
#include "master/notify.h"
#include "master/oom.h"
#include "master/probation.h"
#include "master/refuse.h"
#include "master/reload.h"
#include "master/reread.h"
#include "master/spare.h"
#include "master/stranded.h"
#include "master/takeover.h"
#include "master/upgrade.h"
#include "master/warm.h"
#include "master/watch.h"
#include "master/workers.h"
#include "master/writer.h"

struct master_conf;
struct master_listeners;
struct master_pid_file;

/* How often one signal has come from the parent, less how often from others, while they come
 * close together: signals.c */
struct master_copies {
	int ahead;
	uint64_t since_ms;		/* when the last one came */
};

struct master {
	const struct master_conf *conf;	/* of the start; these six are the caller's */
	const struct master_listeners *listeners;
	const struct master_listeners *admin;	/* one for probes, or none */
	const struct master_listeners *control_socket;	/* the same, for fastrdctl */
	const char *python;		/* path of the application's Python */
	struct master_pid_file *pid_file;
	struct master_takeover takeover;	/* from the master that has started this one, if one has */
	int signal_fd;			/* of master_signals_open() */
	int log_fd;			/* children's standard error; -1: they have ours */
	int boards_fd;			/* one board for every child there can be */
	int handover[2];		/* where workers take connections from others, and give them */
	unsigned n_workers;		/* 1 to MASTER_MAX_WORKERS */

	struct master_children children;
	struct master_generation generations[MASTER_MAX_GENERATIONS];
	struct master_generation *serving;	/* NULL: none, before the first and at the end */
	struct master_generation *coming;	/* NULL: none is being loaded or started */
	unsigned generation_count;
	struct master_slot slots[MASTER_MAX_WORKERS];	/* of the generation that serves */
	struct master_stranded stranded;
	struct master_refusals refusals;	/* while stranded */
	struct master_spare spare;
	struct master_probation probation;	/* of the generation that serves */
	struct master_crashes crashes;
	struct master_control control;
	int scale_due;			/* workers more or less, once no generation is coming */
	struct master_reread reread;
	char reload_by[160];		/* who or what has asked for the reload that is due; may be empty */
	struct master_watch watch;
	struct master_develop develop;
	struct master_warm warm;
	bool opened;			/* clients may come: a generation has served */
	bool reload_due;		/* HUP came when no generation could begin */
	bool put_off_logged;	/* that the reload waits for a record; until a load begins */
	struct master_reload reload;
	struct master_copies interrupts;	/* INT */
	struct master_upgrade upgrade;	/* to another master, which this one has started */
	struct master_notify notify;
	struct master_oom oom;
	struct master_writer writer;	/* of the log; none where it goes to no file */
	uint64_t looked_ms;		/* when the watchdog looked last; 0: not yet */
	uint64_t begun_ms;
	bool stopping;
	uint64_t drain_at_ms;	/* the end was asked for, and begins then; 0: no such time */
	uint64_t stopping_since_ms;	/* 0: nobody has asked for it */
	int exit_code;
};

/* Load the application and supervise until everything has ended. The fields above the
 * blank line are set, the rest is zero. Returns the exit code. */
int master_run(struct master *m);

#endif
