/*
 * accept: new connections.
 */
#ifndef WORKER_ACCEPT_H
#define WORKER_ACCEPT_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"
#include "base/wire.h"

struct worker;

struct worker_listener {
	struct worker *w;
	struct event event;
	int fd;			/* the caller's of worker_accept_listen() */
	bool added;		/* `event` is added: connections are accepted */
	bool waited;		/* its last connection was left to another worker */
	struct slice host;	/* numeric, in `text`; empty for wildcard and unix addresses */
	uint16_t port;
	char text[64];
};

struct worker_accept {
	struct worker_listener listeners[WIRE_LISTENERS_MAX];
	size_t n;
	struct event resume;	/* the end of a pause */
	int reserve_fd;		/* spent on refusing when out of descriptors */
	bool exhausted;		/* out of descriptors, and that has been logged */
};

void worker_accept_init(struct worker *w);

/* Stop accepting and forget the listeners; their descriptors stay the caller's. */
void worker_accept_fini(struct worker *w);

/* Accept from a listening, non-blocking descriptor, which may be shared with other
 * processes; it stays the caller's. The board says SERVING from now on, and a pause that
 * runs ends. 0, or -1 when there are too many listeners. */
int worker_accept_listen(struct worker *w, int fd) MUST_CHECK;

/* Stop accepting for good. */
void worker_accept_stop(struct worker *w);

/* Accept again, from every listener. */
void worker_accept_resume(struct worker *w);

#endif
