/*
 * accept: new connections.
 */
#ifndef WORKER_ACCEPT_H
#define WORKER_ACCEPT_H

#include "worker/worker.h"

void worker_accept_init(struct worker *w);

/* Stop accepting and forget the listeners; their descriptors stay the caller's. */
void worker_accept_fini(struct worker *w);

/* Accept from a listening, non-blocking descriptor, which may be shared with
 * other processes; it stays the caller's. 0, or -1 when there are too many. */
int worker_accept_listen(struct worker *w, int fd);

/* Stop accepting for good. */
void worker_accept_pause(struct worker *w);

#endif
