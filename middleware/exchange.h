/*
 * exchange: chains in front of an exchange's calls.
 *
 * While a chain stands there every answer passes it, whoever gives it. There are two places.
 * At the edge stand the layers that the server was told to put around any application; they
 * stay to the end of the request. Inside them stand the layers of an application that has no
 * others left to run.
 */
#ifndef MIDDLEWARE_EXCHANGE_H
#define MIDDLEWARE_EXCHANGE_H

#include "middleware/around.h"

enum mw_place { MW_EDGE, MW_INSIDE };

/* Would the chain not let the request pass to a plan? */
bool mw_exchange_stops(const struct mw_chain *chain, const struct hx_exchange *x);

/* The request comes to a place; to the edge first. MW_PASS: the chain stands in front of
 * x->calls until the exchange is released, or mw_exchange_leave(). MW_ANSWER: a layer has
 * answered. MW_UNSURE: nothing has happened. `server_known`: an application is told
 * x->server_host and server_port. */
enum mw_verdict mw_exchange_begin(enum mw_place place, const struct mw_front *front,
    struct hx_exchange *x, bool server_known);

/* The session that the request has of the layers at a place, its keeper's (session.h); NULL: it
 * has none. */
void *mw_exchange_session(const struct hx_exchange *x, enum mw_place place);

/* Can all layers edit an answer? If not, Starlette's own must take the place of those inside. At
 * the edge a session cannot be written, of which user code must hear. */
bool mw_exchange_is_ready(const struct hx_exchange *x);

/* What becomes of the start of an answer after another one, as far as layers decide that. */
enum mw_start {
	MW_START_GONE,	/* the first one has gone out as it came */
	MW_START_HELD,	/* a layer holds the first one: the second takes its place */
	MW_START_KEPT	/* a layer has held the first one: it lets no other pass */
};

enum mw_start mw_exchange_start(const struct hx_exchange *x);

/* Does a layer look at content? */
bool mw_exchange_looks(const struct hx_exchange *x);

/* Does a layer read the bytes of the answer, whose head has come? */
bool mw_exchange_reads(const struct hx_exchange *x);

/* Has a layer held the head, and has that announced another length than the piece of content has
 * that body() has just been given? What was longer is dropped; what was shorter has not ended
 * the answer. */
enum hx_length mw_exchange_refused(struct hx_exchange *x);

/* Starlette's own layers take the request over: take the chain inside away, if it is there. */
void mw_exchange_leave(struct hx_exchange *x);

/* x->calls have room again, or the client is gone. The exchange may be gone afterwards. */
void mw_exchange_writable(struct hx_exchange *x);

/* Is an answer still on its way through a chain? Then the exchange is in use. */
bool mw_exchange_is_busy(const struct hx_exchange *x);

#endif
