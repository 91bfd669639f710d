/*
 * upgrade: SIGUSR2 starts fastrd anew beside this one, and in its place.
 *
 *	old (upgrade.c)				new (takeover.c)
 *	fork, exec ---- listeners, a channel ---->	reads its configuration, loads the application
 *					 <---- READY	its workers have started
 *	the service manager hears MAINPID
 *	TAKE ---->					they serve, the pid file is its
 *					 <---- SERVES
 *	drains, as at the end of the server
 *
 * Until SERVES the old one serves, and an end of the new one changes nothing.
 */
#ifndef MASTER_UPGRADE_H
#define MASTER_UPGRADE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct master;

struct master_upgrade {
	pid_t pid;		/* the new master; 0: none runs */
	int channel;		/* to it; -1: it has been closed */
	bool due;		/* it was asked for, and begins as soon as it can */
	bool put_off_logged;	/* ... that it cannot yet */
	bool ready;		/* it waits for TAKE */
	bool taking;		/* ... which it was sent */
	bool ceded;		/* it serves, and this one drains */
	bool killed;
	uint64_t since_ms;
	uint64_t until_ms;	/* it is killed then */
	uint64_t again_ms;	/* the service manager is told once more */
	char by[64];		/* who has asked for it */
};

/* USR2, says `by`. While the application is being loaded, as soon as that is over. */
void master_upgrade_ask(struct master *m, const char *by);

/* Start the new master, if one is due and nothing is being loaded. A failure is logged. */
void master_upgrade_begin(struct master *m);

/* Is a new master about to take the place of this one? */
bool master_upgrade_runs(const struct master *m);

/* Read what the new one says; without waiting. */
void master_upgrade_read(struct master *m);

/* What is due at `now_ms`. */
void master_upgrade_look(struct master *m, uint64_t now_ms);

/* When master_upgrade_look() has something to do next; 0: never. */
uint64_t master_upgrade_next_ms(const struct master *m);

/* Is `pid`, which has died with this wait status, the new master? Then this one serves on, unless that
 * one has taken over. */
bool master_upgrade_reap(struct master *m, pid_t pid, int status);

/* Send this signal to the new one, while it has not taken over. No-op without one. */
void master_upgrade_signal(const struct master *m, int number);

/* The server is told to end, and the new one with it, unless it has taken over. */
void master_upgrade_stop(struct master *m);

#endif
