/*
 * control: the socket that fastrdctl talks to.
 */
#ifndef MASTER_CONTROL_H
#define MASTER_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/control.h"

struct master;

enum { MASTER_PEERS_MAX = 16 };	/* at a time; who comes then waits in the queue */

enum master_peer_state {
	PEER_FREE,		/* the record is */
	PEER_ASKS,		/* its line comes */
	PEER_WAITS_RELOAD,	/* for the end of a reload */
	PEER_WAITS_END,		/* ... of the server */
	PEER_IS_TOLD		/* its answer goes */
};

struct master_peer {
	enum master_peer_state state;
	int fd;
	uint64_t until_ms;	/* it is dropped then; 0: it may wait */
	unsigned reload;	/* that it waits for */
	char by[48];		/* who it is, for the log */
	char line[CONTROL_LINE_MAX];
	size_t used;
	char *answer;		/* of `len` bytes, `sent` of which have gone */
	size_t len, sent;
};

struct master_control {
	struct master_peer at[MASTER_PEERS_MAX];
	uint64_t paused_until_ms;	/* out of descriptors */
};

/* May another one be accepted at `now_ms`? */
bool master_control_ready(const struct master_control *all, uint64_t now_ms);

/* Accept one; never waits. It is refused unless it is root or who runs this process. */
void master_control_accept(struct master *m);

/* What to poll() its descriptor for. */
short master_control_events(const struct master_peer *p);

/* Something of that has come, or it is gone; never waits. */
void master_control_go_on(struct master *m, struct master_peer *p);

/* What has ended, or had its time, at `now_ms`. */
void master_control_look(struct master *m, uint64_t now_ms);

/* When to look at the latest; 0: not by the clock. */
uint64_t master_control_next_ms(const struct master_control *all);

/* The server has ended: tell those who wait for it. Their descriptors are closed by the end of the process,
 * which is how they see that. */
void master_control_end(struct master *m);

#endif
