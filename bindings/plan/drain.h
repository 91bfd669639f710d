/*
 * drain: what follows a long file waits until it is sent.
 *
 * Under FileResponse it waits until all of the file is read. User code may cut the file then.
 */
#ifndef BINDINGS_PLAN_DRAIN_H
#define BINDINGS_PLAN_DRAIN_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/asgi/asgi.h"

/* A coroutine that ends then, or when the client is gone; it raises what the server does when the
 * file has become shorter, or with a `path` (borrowed; NULL: none) what FileResponse does. New
 * reference; NULL with an exception set. */
PyObject *pyb_drain_new(struct pyb_module_state *st, struct pyb_asgi *asgi, PyObject *path)
    MUST_CHECK;

#endif
