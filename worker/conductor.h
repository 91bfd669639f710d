/*
 * conductor: a request's table of contents.
 */
#ifndef WORKER_CONDUCTOR_H
#define WORKER_CONDUCTOR_H

#include "worker/conn.h"

/* Bytes have arrived, or the last exchange is over: go as far as they allow. */
void worker_conductor_advance(struct worker_conn *c);

/* [gil] The connection's FIFO job. */
void worker_conductor_job(struct io_job *job);

/* The calls of the exchange (reply.c). */
extern const struct hx_calls worker_reply_calls;

/* Answer a refused request with plain text and close (reply.c). */
void worker_reply_refuse(struct worker_conn *c, int status, const char *reason);

#endif
