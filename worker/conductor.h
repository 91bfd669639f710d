/*
 * conductor: takes a connection from one step of a request to the next.
 */
#ifndef WORKER_CONDUCTOR_H
#define WORKER_CONDUCTOR_H

#include "worker/conn.h"

/* Bytes have arrived, or the last exchange is over: go as far as they allow. */
void worker_conductor_advance(struct worker_conn *c);

/* The request in hand is ready for the application: the connection's job will start
 * it. */
void worker_conductor_ready(struct worker_conn *c);

/* [gil] The connection's FIFO job. */
void worker_conductor_job(struct io_job *job);

#endif
