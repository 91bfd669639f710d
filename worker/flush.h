/*
 * flush: queued answers to the transport.
 */
#ifndef WORKER_FLUSH_H
#define WORKER_FLUSH_H

#include "worker/conn.h"

/* Send what the transport takes, `most` bytes at most; then close when that was asked for, and
 * wake a producer that had to wait. What is left waits for the transport, or for its turn. Returns
 * how many bytes were sent. The connection may be dead afterwards, not freed. */
size_t worker_flush_now(struct worker_conn *c, size_t most);

/* The same for the turn's lists. */
size_t worker_flush_turn(struct io_flush *flush, size_t most);

/* The transport, which was full, takes more: send at the end of the turn. Much waits for its
 * turn among others who have much. */
void worker_flush_writable(struct worker_conn *c);

#endif
