/*
 * nested: a compiled plan as the handler inside FastAPI's request_response.
 */
#ifndef BINDINGS_PLAN_NESTED_H
#define BINDINGS_PLAN_NESTED_H

#include <Python.h>

#include "base/attr.h"

/* Add run_nested(app, route, request, values, fallback) to the module. It returns a
 * coroutine that runs the plan of `route` for a Starlette Request and returns a
 * Response or raises. `values` is the tuple of the matched path parameters, str.
 * When the plan cannot run, the coroutine awaits fallback(request), the handler that
 * FastAPI itself made; no user code has run by then. 0, or -1 with an exception set. */
int pyb_nested_register(PyObject *module) MUST_CHECK;

#endif
