/*
 * reply: answers.
 */
#ifndef WORKER_REPLY_H
#define WORKER_REPLY_H

#include "http/refusal.h"
#include "worker/conn.h"

/* The calls of a connection's exchange. */
extern const struct hx_calls worker_reply_calls;

/* The server itself refuses the request in hand, or what should have become one:
 * answers as the row of http/refusal.def says, and closes. When the application's answer
 * is complete, no other one is sent; when it is begun, the connection is cut. An
 * application that runs is told. The connection may be dead afterwards, not freed.
 * Never waits; does not need the interpreter. */
void worker_reply_refuse(struct worker_conn *c, enum hx_refusal why);

/* The client has left before the content of the request in hand had come: end without an
 * answer to it. Those before it are sent. An application that runs is told. */
void worker_reply_drop(struct worker_conn *c);

#endif
