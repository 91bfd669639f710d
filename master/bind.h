/*
 * bind: an address for a listener.
 */
#ifndef MASTER_BIND_H
#define MASTER_BIND_H

#include <sys/socket.h>

#include "base/attr.h"

enum { MASTER_BIND_TRIES = 21 };	/* a second */

/* bind(). The workers of a master that was killed just now give its address back as soon as one of
 * them runs (engine/orphan.c): an address in use is tried again, every 50 ms, so many times in all.
 * A unix socket that nobody listens on any more is taken over. 0; -1 with errno. */
int master_bind_soon(int fd, const struct sockaddr *name, socklen_t len, int tries) MUST_CHECK;

#endif
