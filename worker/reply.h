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
 * answers as the row of http/refusal.def says, and closes. Without an answer when the
 * last one is complete; when one has been begun the connection is cut instead. An
 * application that runs is told. The connection may be dead afterwards, not freed.
 * Never waits; does not need the interpreter. */
void worker_reply_refuse(struct worker_conn *c, enum hx_refusal why);

#endif
