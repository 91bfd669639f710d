/*
 * exchange: a chain in front of an exchange's calls.
 *
 * While the chain stands there every answer passes it, whoever gives it. It stands in
 * front of an application that has no layers of its own left to run.
 */
#ifndef MIDDLEWARE_EXCHANGE_H
#define MIDDLEWARE_EXCHANGE_H

#include "middleware/chain.h"

/* Would the chain not let the request pass to a plan? */
bool mw_exchange_stops(const struct mw_chain *chain, const struct hx_exchange *x);

/* The request begins. MW_PASS: the chain stands in front of x->calls until the exchange is
 * released, or mw_exchange_leave(). MW_ANSWER: a layer has answered. MW_UNSURE: nothing
 * has happened. `server_known`: an application is told x->server_host and server_port. */
enum mw_verdict mw_exchange_begin(const struct mw_chain *chain, struct hx_exchange *x,
    bool server_known);

/* The length of content that comes in pieces. */
#define MW_PIECES ((size_t)INT64_MAX)

/* May the layers around x edit such an answer of `len` bytes, which is about to be given
 * whole? If not, Starlette's own must: mw_exchange_leave(). */
bool mw_exchange_takes(const struct hx_exchange *x, int status,
    const struct hx_header *fields, size_t n, size_t len);

/* The session of the request, its keeper's (session.h); NULL: it has none. */
void *mw_exchange_session(const struct hx_exchange *x);

/* Starlette's own layers take the request over: take the chain away, if it is there. */
void mw_exchange_leave(struct hx_exchange *x);

#endif
