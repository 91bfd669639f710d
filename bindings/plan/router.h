/*
 * router: requests that no route takes.
 *
 * FastAPI's router answers them itself: 405 when a route has the path, but not the method,
 * 307 when a route has the path with a slash more or less, else 404.
 */
#ifndef BINDINGS_PLAN_ROUTER_H
#define BINDINGS_PLAN_ROUTER_H

#include "base/attr.h"
#include "bindings/app.h"
#include "http/exchange.h"

enum pyb_router_verdict {
	PYB_ROUTER_UNSURE,	/* the application must answer */
	PYB_ROUTER_NOT_FOUND,
	PYB_ROUTER_NOT_ALLOWED,	/* by *route */
	PYB_ROUTER_REDIRECT,
	PYB_ROUTER_FRONTEND	/* a frontend answers */
};

/* What FastAPI's router answers to a request that no route fully matches, by its method and
 * path; memory comes from `arena`. Leaves no exception. */
enum pyb_router_verdict pyb_router_find(const struct pyb_binding *b, unsigned method,
    struct slice path, struct arena *arena, uint32_t *route) MUST_CHECK;

/* What the router inside `mount` answers, a route with a pyb_answers_inside() that is the only one
 * to take the request; `rest` is what of the path follows the mount's. Leaves no exception. */
enum pyb_router_verdict pyb_router_inside(const struct pyb_binding *b, uint32_t mount,
    unsigned method, struct slice path, struct slice rest, struct arena *arena,
    uint32_t *route) MUST_CHECK;

/* The Response for that verdict, which is neither UNSURE nor FRONTEND, of the router inside
 * `mount`; SHM_NONE: of the application's own. It may be one that other requests get, too.
 * `scope` is used up by a redirect. New reference; NULL: it is another one, or with an exception
 * set. */
PyObject *pyb_router_response(const struct pyb_binding *b, uint32_t mount,
    enum pyb_router_verdict verdict, uint32_t route, PyObject *scope) MUST_CHECK;

/* [gil] Answer x, which no route of the application's binding fully matches, or only a mount with
 * a pyb_answers_inside(). True: it was
 * answered and given back. False: the application itself must answer; nothing was done. No
 * exception is set in either case. */
bool pyb_router_answer(struct pyb_app *app, struct hx_exchange *x) MUST_CHECK;

#endif
