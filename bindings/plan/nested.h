/*
 * nested: a compiled plan as the handler inside FastAPI's request_response.
 */
#ifndef BINDINGS_PLAN_NESTED_H
#define BINDINGS_PLAN_NESTED_H

#include <Python.h>

/* Add run_nested(app, route, request, values, fallback) to the module: a coroutine
 * that runs the plan of `route` for a Starlette Request and returns a Response or
 * raises. When the request is not plain it awaits fallback(request), the handler
 * FastAPI itself made, instead; nothing of the user's has run by then. `values`:
 * tuple of str, the matched path parameters. 0, or -1 with an exception set. */
int pyb_nested_register(PyObject *module);

#endif
