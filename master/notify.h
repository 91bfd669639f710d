/*
 * notify: what a service manager such as systemd is told.
 */
#ifndef MASTER_NOTIFY_H
#define MASTER_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/attr.h"
#include "master/status.h"

struct master;

/* The states of a service, as its manager sees them. */
enum master_notice {
	NOTICE_NONE,
	NOTICE_STARTING,	/* it may take as long as our own limits allow */
	NOTICE_READY,		/* at the end of a reload as well, also of one that failed */
	NOTICE_RELOADING,
	NOTICE_STOPPING
};

struct master_notify {
	bool on;			/* somebody wants to know */
	bool held;			/* ... and hears it from another master */
	int fd;				/* connected; -1: that failed */
	struct sockaddr_un to;
	socklen_t to_len;
	enum master_notice due;		/* could not be sent yet, or NOTICE_NONE */
	char status[MASTER_STATUS_BYTES];	/* as it was sent last */
	uint64_t look_at_ms;		/* when the status is made again */
	uint64_t again_ms;		/* after the last message, which could not be sent; 0: it was */
	uint64_t beat_every_ms;		/* the manager's watchdog wants a sign so often; 0: none */
	uint64_t beat_at_ms;
	bool failing, quiet;		/* ... and that has been logged: sends fail, no sign is given */
};

/* Read NOTIFY_SOCKET and WATCHDOG_USEC. Before the process gives up its rights. */
void master_notify_open(struct master_notify *n);
void master_notify_close(struct master_notify *n);

/* The service is in this state from now on. No-op when nobody wants to know; never waits. */
void master_notify(struct master *m, enum master_notice notice);

/* The manager's main process is this one from now on. It counts before whatever that one says itself.
 * 0, or why it cannot be told now; where nobody wants to know there is nothing to tell. */
int master_notify_main(struct master_notify *n, pid_t pid) MUST_CHECK;

/* What another master that this process becomes, or starts, reads: NOTIFY_SOCKET and WATCHDOG_USEC, into
 * the environment. -1: there is no memory. */
int master_notify_pass(const struct master_notify *n) MUST_CHECK;

/* What is due at `now_ms`: the status when it has changed, the watchdog's sign. */
void master_notify_look(struct master *m, uint64_t now_ms);

/* When master_notify_look() has something to do next; 0: never. */
uint64_t master_notify_next_ms(const struct master_notify *n);

#endif
