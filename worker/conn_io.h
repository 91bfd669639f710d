/*
 * conn_io: a connection's socket.
 */
#ifndef WORKER_CONN_IO_H
#define WORKER_CONN_IO_H

#include "worker/conn.h"

/* Prepare events and the flush node; for a socket also learn the addresses. */
void conn_io_open(struct worker_conn *c);

/* Close the socket, or tell the memory's owner. */
void conn_io_close(struct worker_conn *c);

/* Turn reading on or off. */
void conn_io_read(struct worker_conn *c, bool on);

#endif
