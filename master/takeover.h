/*
 * takeover: this master takes the place of another, which has started it at SIGUSR2.
 *
 * The other one is upgrade.c. It passes its listeners, the pair that connections go through, and a
 * channel: descriptors, whose numbers are in a variable of the environment, line by line:
 *
 *	1 PID CHANNEL TAKE GIVE INHERITED	the form of these lines, its process, its descriptors;
 *						INHERITED is 1 where a supervisor opened the listeners
 *	l FD MADE TEXT				a listener; MADE is 1 for a unix socket that we remove
 *	a FD MADE TEXT				the same, for probes
 *	c FD MADE TEXT				the same, for fastrdctl
 */
#ifndef MASTER_TAKEOVER_H
#define MASTER_TAKEOVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"

struct master;
struct master_listeners;

#define MASTER_TAKEOVER_VARIABLE "FASTRD_UPGRADE"
#define MASTER_TAKEOVER_FORM 1

/* What the two say over the channel, one SOCK_SEQPACKET packet each. New to old: */
#define MASTER_TAKEOVER_LOADS "LOADS"	/* LOADS MS: the application is loaded, at the latest in so long */
#define MASTER_TAKEOVER_READY "READY"	/* its workers have started, and wait */
#define MASTER_TAKEOVER_SERVES "SERVES"	/* they serve */
/* and old to new: */
#define MASTER_TAKEOVER_TAKE "TAKE"	/* serve: the service manager has heard of it */

struct master_takeover {
	pid_t before;		/* the other master; 0: there is none */
	int channel;		/* to it; -1: there is none any more */
	int handover[2];	/* its pair, which is ours as well */
	bool asked;		/* READY was said */
	bool taken;		/* TAKE was heard */
	bool done;		/* SERVES was said: from now on it is as if there had been no other */
};

/* Take what the environment says, and the variable out of it, and fill the three lists. No-op where no
 * master has started this one. 0, or the exit code after one line. */
int master_takeover_open(struct master_takeover *t, struct master_listeners *listeners,
    struct master_listeners *admin, struct master_listeners *control) MUST_CHECK;

/* Does the other one still serve? Then the listeners are its. */
bool master_takeover_waits(const struct master *m);

/* The application is being loaded, within `ms`: tell the other one. No-op without one. */
void master_takeover_loads(struct master *m, uint64_t ms);

/* Every worker of the first generation has started: may it serve? If not, the other one is asked, and
 * generation.c is called when it has answered. */
bool master_takeover_may(struct master *m) MUST_CHECK;

/* The first generation serves. No-op without another master. */
void master_takeover_done(struct master *m);

/* Read what the other one says; without waiting. When it has ended too early, so does this one. */
void master_takeover_read(struct master *m);

#endif
