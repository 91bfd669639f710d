/*
 * request: what the worker may ask of the Python side, request by request.
 *
 * worker/conductor calls these; bindings never call the worker but through the
 * exchange's hx_calls. Functions marked [gil] need the interpreter and run on
 * the loop's thread from a FIFO job; the others must not touch Python.
 */
#ifndef BINDINGS_REQUEST_H
#define BINDINGS_REQUEST_H

#include <stdbool.h>

#include "http/exchange.h"

struct pyb_app;

/* Find the route that Starlette's router would find: fills x->route and x->params.
 * No interpreter. */
void pyb_request_match(struct pyb_app *app, struct hx_exchange *x);

/* Must the content be complete before pyb_request_start()? True for a matched plan
 * that reads it. No interpreter. */
bool pyb_request_wants_content(const struct pyb_app *app, const struct hx_exchange *x);

/* [gil] Begin the request: compiled plan, thread pool or the application's
 * ASGI interface. The answer arrives through x->calls, perhaps before this
 * returns, perhaps turns later. */
void pyb_request_start(struct pyb_app *app, struct hx_exchange *x);

/* [gil] More content has arrived (x->content), or the client went away
 * (x->content.aborted), while the application runs. */
void pyb_request_content(struct hx_exchange *x);

/* [gil] The backlog fell below the low-water mark. */
void pyb_request_writable(struct hx_exchange *x);

/* Does the bindings' side still use the exchange (a coroutine or a thread of
 * the application runs although the answer is complete: background tasks)?
 * While true the owner must not reset it. When it turns false the bindings
 * call x->calls->released(). No interpreter. */
bool pyb_request_active(const struct hx_exchange *x);

#endif
