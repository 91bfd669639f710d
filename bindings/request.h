/*
 * request: what the owner of an exchange may ask of the Python side, request by request.
 *
 * Called by worker/ and engine/testclient.c. The only header of bindings/ that worker/
 * includes. bindings/ calls the owner back
 * through the exchange's hx_calls and in no other way. All run on the loop's thread.
 * Functions marked [gil] need the interpreter and run from a job of the FIFO. The others
 * may be called with or without it, and must not touch Python objects.
 */
#ifndef BINDINGS_REQUEST_H
#define BINDINGS_REQUEST_H

#include <stdbool.h>

#include "http/exchange.h"

struct pyb_app;

/* Find the route that Starlette's router would find, and fill x->route (HX_NO_ROUTE when
 * there is none) and x->params. */
void pyb_request_match(struct pyb_app *app, struct hx_exchange *x);

/* The template of the route that was found, "/items/{id}"; empty when there is none. It stays
 * until the application is compiled again. */
struct slice pyb_request_route(const struct pyb_app *app, const struct hx_exchange *x);

/* Must the content be complete before pyb_request_start()? It must when the plan of the
 * matched route reads it and no middleware of the user's stands in front of the plan. */
bool pyb_request_wants_content(const struct pyb_app *app, const struct hx_exchange *x);

/* [gil] Content that pyb_request_wants_content() is large: make room for more of it where
 * the plan will have it. Without memory for that nothing happens. */
void pyb_request_room(struct hx_exchange *x);

/* [gil] Begin the request: run its plan, or the application's ASGI interface. Never
 * blocks. The answer comes through x->calls, before this returns or some turns later. */
void pyb_request_start(struct pyb_app *app, struct hx_exchange *x);

/* [gil] More content has arrived (x->content), or the client went away
 * (x->content.aborted), while the application runs. */
void pyb_request_content(struct hx_exchange *x);

/* [gil] The answer is no longer wanted, while the application runs: cancel its task. What runs on a
 * thread without a task runs on to its end. */
void pyb_request_cancel(struct hx_exchange *x);

/* [gil] The backlog has fallen below the low-water mark. */
void pyb_request_writable(struct hx_exchange *x);

/* Does bindings/ still use the exchange? It may although the answer is complete: a
 * coroutine or a pool thread runs on. While this is true the owner must not reset the
 * exchange; when it becomes false bindings/ calls x->calls->released(). */
bool pyb_request_active(const struct hx_exchange *x);

#endif
