/*
 * transport: what carries a connection's bytes.
 *
 * Two kinds: a socket (transport.c) and the test client's memory. A connection
 * knows only this table.
 */
#ifndef WORKER_TRANSPORT_H
#define WORKER_TRANSPORT_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/attr.h"
#include "io/output.h"

struct worker_conn;
struct worker_listener;

/* Called with or without the interpreter; none may run Python code. `to` is the
 * connection's transport_arg. After reading() and want_write() the connection may be dead,
 * not freed. */
struct worker_transport {
	struct io_peer peer;			/* see io/output.h */
	void (*reading)(void *to, bool on);	/* deliver input, or keep it back */
	void (*want_write)(void *to);		/* write said EAGAIN: flush when it may go on */
	bool (*linger)(void *to);		/* end the output only; false: close instead */
	/* Called once. `reset`: the client must not take this for an orderly end. */
	void (*close)(void *to, bool reset);
};

/* Make `c` the connection of an accepted, non-blocking socket that it then owns.
 * `peer` is the other side's address. 0, or -1 when out of memory. */
int worker_transport_socket(struct worker_conn *c, int fd, const struct sockaddr *peer,
    const struct worker_listener *listener) MUST_CHECK;

/* Learn a listener's own address. */
void worker_transport_listener(struct worker_listener *l);

#endif
