/*
 * decide: which way a request goes.
 */
#ifndef BINDINGS_DECIDE_H
#define BINDINGS_DECIDE_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/app.h"
#include "bindings/binding.h"
#include "http/exchange.h"

/* Which way a request goes. */
enum pyb_way {
	PYB_WAY_ALONE,	/* its plan answers it */
	PYB_WAY_ARRIVING,	/* the same, but its plan reads the form while it arrives */
	PYB_WAY_FILES,	/* its route is a directory of files, from which it is answered */
	PYB_WAY_ROUTER,	/* no route takes it: it is answered as FastAPI's router does */
	PYB_WAY_NESTED,	/* through ASGI; its plan runs behind the user's layers, or inside
			 * request_response */
	PYB_WAY_ASGI	/* through ASGI, without its plan */
};

struct pyb_decision {
	enum pyb_way way;
	const struct shm_plan *plan;	/* with ALONE, ARRIVING and NESTED, else NULL */
	const char *reason;		/* why there is none; static text, or the table's */
	PyObject *outer;		/* with NESTED and ASGI: enter the user's layers by it; NULL:
					 * through the whole application. Borrowed from the binding */
	struct pyb_mount *mount;	/* with PYB_WAY_FILES, else NULL */
	const struct mw_chain *chain;	/* native middleware that the request meets, or NULL */
};

/* The way of the matched route by the table alone, without the guards. Runs no user code. */
struct pyb_decision pyb_decide_table(const struct pyb_app *app, const struct hx_exchange *x);

/* [gil] The way of the request, with the guards and the content looked at. When one of the guards has
 * tripped the application is compiled again, which may run user code, and the route is matched anew. */
struct pyb_decision pyb_decide(struct pyb_app *app, struct hx_exchange *x);

/* Must the content be read while it arrives? */
bool pyb_decide_is_large(const struct shm_plan *plan, const struct hx_exchange *x);

/* The record of the matched route. The caller has made sure that it was matched in this
 * binding's table: x->route_epoch is the application's. */
const struct shm_route *pyb_decide_route(const struct pyb_binding *b, const struct hx_exchange *x);

#endif
