/*
 * listen: the listening sockets, the master's for life.
 */
#ifndef MASTER_LISTEN_H
#define MASTER_LISTEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/conf.h"
#include "base/wire.h"
#include "master/account.h"

enum { MASTER_ADDRESS_BYTES = 192 };	/* of an address for a person, with a NUL */

struct master_listeners {
	int fds[WIRE_LISTENERS_MAX];
	size_t n;
	bool test;		/* an address that is in use is no mistake; -t */
	bool inherited;		/* a supervisor passed them, and goes on listening */
	char texts[WIRE_LISTENERS_MAX][MASTER_ADDRESS_BYTES];	/* "http://127.0.0.1:8000" */
	bool made[WIRE_LISTENERS_MAX];	/* it is a unix socket whose name we remove at the end */
};

/* Open what the configuration (or LISTEN_FDS of a socket-activating supervisor)
 * names. TCP addresses are bound and do not listen yet: who connects is refused until something
 * serves. A unix socket listens at once, and becomes `owner`'s, when that is set. 0, or the exit
 * status after one line with cause and remedy. */
int master_listen_open(struct master_listeners *l, const struct conf *c,
    const struct master_account *owner) MUST_CHECK;

/* The same for --admin, whose socket is the only one in `l`; none when it is not set. */
int master_listen_open_admin(struct master_listeners *l, const struct conf *c,
    const struct master_account *owner) MUST_CHECK;

/* The same for --control-socket, which nobody else may reach. */
int master_listen_open_control(struct master_listeners *l, const struct conf *c,
    const struct master_account *owner) MUST_CHECK;

/* Listen on what does not yet. 0, or the exit status, as above: another process listens there. */
int master_listen_start(const struct master_listeners *l, int backlog) MUST_CHECK;

/* From now on the sockets are this master's: while it lives, the end of another one that has them, too,
 * does not end the listening (engine/orphan.c). */
void master_listen_own(const struct master_listeners *l);

/* One socket more, with its address for a person. */
void master_listen_add(struct master_listeners *l, int fd, const char *text);

/* Close, and remove the unix socket's name. `elsewhere`: another master goes on listening; close only. */
void master_listen_close(struct master_listeners *l, bool elsewhere);

#endif
