/*
 * flush: queued answers to the transport.
 */
#ifndef WORKER_FLUSH_H
#define WORKER_FLUSH_H

#include "worker/conn.h"

/* Send what the transport takes; then close when that was asked for, and wake a
 * producer that had to wait. The connection may be dead afterwards, not freed. */
void worker_flush_now(struct worker_conn *c);

/* The same for the turn's list. */
void worker_flush_turn(struct io_flush *flush);

#endif
