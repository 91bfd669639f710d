/*
 * reply: answers.
 */
#ifndef WORKER_REPLY_H
#define WORKER_REPLY_H

#include "worker/conn.h"

/* The calls of a connection's exchange. */
extern const struct hx_calls worker_reply_calls;

/* The server itself refuses the request in hand, or what should have become one:
 * answers with plain text and closes. When the application has already begun an
 * answer the connection is cut instead. Without the interpreter. */
void worker_reply_refuse(struct worker_conn *c, int status, const char *reason);

#endif
