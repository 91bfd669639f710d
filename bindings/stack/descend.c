/*
 * descend: FastAPI's and Starlette's own layers, routers and mounts between two applications
 * with middleware.
 *
 * Called by inner.c. On success none of their Python runs. When an exception leaves the inner
 * application's layers, or something stands on the exit stack that these have found in the
 * scope, Python's own layers end the request (python/fastrapi/compile/places.py). The
 * user's layers must never run twice.
 */
#include "bindings/stack/descend.h"

#include "base/must.h"
#include "bindings/compat.h"
#include "bindings/stack/enter.h"
#include "bindings/stack/started.h"

/* What a place has as its layers. */
enum { LAYERS_FIRST, LAYERS_ENDED };

/* Let the layers that stand outside end the request with `failure` (stolen), or NULL. */
static enum pyb_coro_verdict
outside_end(struct pyb_inner *c, PyObject *failure, PyObject **out)
{
	PyObject *layers = PyTuple_GET_ITEM(c->place, PYB_PLACE_LAYERS);
	bool started = pyb_started_is(pyb_stack_state(c), c->watched);

	c->phase = PYB_INNER_NEXT;
	*out = PyObject_CallFunctionObjArgs(PyTuple_GET_ITEM(layers, LAYERS_ENDED), c->scope,
	    c->receive, c->send, failure != NULL ? failure : Py_None,
	    started ? Py_True : Py_False, c->outermost != NULL ? c->outermost : Py_None, NULL);
	Py_XDECREF(failure);
	return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
}

enum pyb_coro_verdict
pyb_descend_end(struct pyb_inner *c, PyObject *value, PyObject **out)
{
	PyObject *failure = value == NULL ? PyErr_GetRaisedException() : NULL;

	return pyb_leave_is_due(c, failure, true) ?
	    outside_end(c, failure, out) : pyb_leave_none(failure, out);
}

/* Let the scope be what the layers find. 0, or -1 with an exception set. */
static int
scope_enter(struct pyb_inner *c)
{
	struct pyb_module_state *st = pyb_stack_state(c);

	return pyb_enter_remember(st, c->scope, &c->before) < 0 ||
	    pyb_enter_router(st, c->scope, c->place, &c->outermost) < 0 ||
	    pyb_enter_route(st, c->scope, c->place, NULL, 0) < 0 ? -1 : 0;
}

enum pyb_coro_verdict
pyb_descend_begin(struct pyb_inner *c, const struct pyb_found *found, PyObject **out)
{
	PyObject *args[] = { c->scope, c->receive, NULL };

	must(found->layers != NULL && PyTuple_GET_SIZE(found->layers) == LAYERS_ENDED + 1);
	c->place = Py_NewRef(found->place);
	c->watched = pyb_started_watch(pyb_stack_state(c), c->send);
	if (c->watched == NULL || scope_enter(c) < 0) {
		PyErr_Clear();
		return pyb_leave_on(c, c->receive, c->send, out);
	}
	args[2] = c->watched;
	c->phase = PYB_INNER_LAYERS;
	*out = PyObject_Vectorcall(PyTuple_GET_ITEM(found->layers, LAYERS_FIRST), args, 3, NULL);
	return *out != NULL ? PYB_CORO_AWAIT : pyb_descend_end(c, NULL, out);
}
