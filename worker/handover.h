/*
 * handover: connections go from a worker that ends to those that serve.
 *
 * The master has a pair of sockets for life, and each worker inherits both ends. A worker that
 * serves takes from one end; a worker that drains while others serve gives into the other. What
 * is given is a connection between two requests: its descriptor, and the bytes of its next
 * requests that have been read already. Its addresses are the socket's, or go along where a header
 * of the PROXY protocol told them. A client sees nothing of it.
 */
#ifndef WORKER_HANDOVER_H
#define WORKER_HANDOVER_H

#include <event2/event_struct.h>
#include <stdbool.h>

struct worker;
struct worker_conn;

struct worker_handover {
	struct event take_event, give_event;
	struct event resume;		/* the end of a pause without free descriptors */
	int take_fd, give_fd;		/* the caller's; -1: there are none */
	bool giving;			/* what is between two requests leaves */
};

/* No connection comes or goes. */
void worker_handover_init(struct worker *w);

/* Let go of both descriptors, which stay the caller's. */
void worker_handover_fini(struct worker *w);

/* Take what others give, from now on until worker_handover_give(). The descriptors are those of
 * a SOCK_SEQPACKET pair, non-blocking, shared with other processes, and stay the caller's. */
void worker_handover_take(struct worker *w, int take_fd, int give_fd);

/* Take nothing more; give what is between two requests, now and whenever one ends. No-op
 * without descriptors. */
void worker_handover_give(struct worker *w);

/* After worker_handover_give(): take again, and give nothing. No-op without descriptors. */
void worker_handover_resume(struct worker *w);

/* Give nothing, and take nothing more than what is there now: nobody else may come for it. */
void worker_handover_end(struct worker *w);

/* Is the connection, which is between two requests, no longer to read a request here? True: it
 * was given and is dead, not freed; or it will be when its answers are sent. */
bool worker_handover_leaves(struct worker_conn *c);

/* Will it go to another worker when it is between two requests, as far as is known? */
bool worker_handover_is_due(const struct worker_conn *c);

/* Will it leave when its answers are sent? Until then it is not read. */
bool worker_handover_waits(const struct worker_conn *c);

#endif
