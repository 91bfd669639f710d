/*
 * enter: what FastAPI's own layers and router put into a scope.
 */
#ifndef BINDINGS_STACK_ENTER_H
#define BINDINGS_STACK_ENTER_H

#include <Python.h>
#include <stdbool.h>

#include "base/attr.h"
#include "bindings/plan/run.h"

/* A place is a tuple that the compiler makes for one route (compile/junctions.py). */
enum pyb_place {
	PYB_PLACE_HANDLERS,	/* scope["starlette.exception_handlers"] */
	PYB_PLACE_ROUTER,
	PYB_PLACE_ENDPOINT,
	PYB_PLACE_ROUTE,	/* None: the router sets none */
	PYB_PLACE_INCLUDED,	/* the included router, or None */
	PYB_PLACE_EFFECTIVE,	/* its context of the route, when `included` is one */
	PYB_PLACE_CONVERTORS,	/* tuple of (name, None or a callable) by path parameter */
	PYB_PLACE_ASKED,	/* True: the router asks an included router first */
	PYB_PLACE_STACKS,	/* how many exit stacks FastAPI keeps in the scope, the outermost first */
	PYB_PLACE_ROOT,		/* the root_path in the scope, where the route is found */
	PYB_PLACE_INSIDE,	/* that inside the mounts which lead to it; None: there are none */
	PYB_PLACE_APP,		/* the mounted application that it belongs to, or None */
	PYB_PLACE_LAYERS,	/* a Layers of that application, which are entered; None: there are none */
	PYB_PLACE_SIZE
};

/* Put into `scope` what it has inside FastAPI's router, and inside the routers and layers of
 * what the mounts before the route lead to; `place` is that of the
 * route or the router's own. *outermost is the exit stack
 * that FastAPI's own layer puts there (new reference, which the caller drops in any case).
 * 0, or -1 with an exception set. */
int pyb_enter_router(struct pyb_module_state *st, PyObject *scope, PyObject *place,
    PyObject **outermost) MUST_CHECK;

/* What mounts have put into a scope, beside what putting it again does not change. */
struct pyb_mounts_before {
	bool inside;		/* the scope is that inside the mounts of a place */
	PyObject *app_root;	/* strong: what it had as app_root_path; NULL: nothing */
};

/* Do mounts lead to the route of this place? */
static inline bool
pyb_enter_is_inside(PyObject *place)
{
	return PyTuple_GET_ITEM(place, PYB_PLACE_INSIDE) != Py_None;
}

/* Remember of `scope` what mounts change. 0, or -1 with an exception set. */
int pyb_enter_remember(struct pyb_module_state *st, PyObject *scope,
    struct pyb_mounts_before *before) MUST_CHECK;

/* Let it be outside the mounts again, for a router that finds them anew. 0, or -1 with an
 * exception set. */
int pyb_enter_undo(struct pyb_module_state *st, PyObject *scope, PyObject *place,
    struct pyb_mounts_before *before) MUST_CHECK;

/* Put into it what a route adds; `params` are the texts of the path parameters. 0, or -1 with
 * an exception set. */
int pyb_enter_route(struct pyb_module_state *st, PyObject *scope, PyObject *place,
    const struct slice *params, size_t n) MUST_CHECK;

/* Put into it what a mount adds, whose part of `path` stands before a slash and `rest` bytes. 0, or
 * -1 with an exception set. */
int pyb_enter_mount(struct pyb_module_state *st, PyObject *scope, PyObject *place, PyObject *path,
    size_t rest) MUST_CHECK;

/* FastAPI and FileResponse look at the request's fields in a list of their own, which is then the
 * scope's. 0, or -1 with an exception set. */
int pyb_enter_fields(struct pyb_module_state *st, PyObject *scope) MUST_CHECK;

/* Put into the run's scope what user code finds there inside FastAPI's layers and router,
 * with new exit stacks, also stored in r->stacks. 0, or -1 with an exception set. */
int pyb_enter_scope(struct pyb_run *r, PyObject *place) MUST_CHECK;

#endif
