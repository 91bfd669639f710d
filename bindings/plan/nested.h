/*
 * nested: a compiled plan as the handler inside FastAPI's request_response.
 */
#ifndef BINDINGS_PLAN_NESTED_H
#define BINDINGS_PLAN_NESTED_H

#include "bindings/plan/run.h"

/* A coroutine that runs `plan` for a Starlette Request and returns a Response
 * or raises. When the request is not plain it awaits fallback(request), the
 * handler FastAPI itself made, instead; nothing of the user's has run by then.
 * `values`: tuple of str, the matched path parameters. New reference, NULL
 * with an exception set. */
PyObject *pyb_core_new(struct pyb_app *app, const struct shm_plan *plan,
    PyObject *request, PyObject *values, PyObject *fallback);

#endif
