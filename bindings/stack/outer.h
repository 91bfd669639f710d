/*
 * outer: the outermost layer of the user's, entered by the server itself.
 *
 * The Python type Outer(app, layer, failed) stands for an application: calling it sets
 * scope["app"] and awaits layer(scope, receive, send). What FastAPI and Starlette put
 * around that layer has nothing to do on success. An Exception that leaves the layer goes
 * to failed(scope, receive, send, exception, started), which runs them.
 */
#ifndef BINDINGS_STACK_OUTER_H
#define BINDINGS_STACK_OUTER_H

#include <Python.h>

#include "base/attr.h"

/* Create the type; new reference, NULL with an exception set. */
PyTypeObject *pyb_outer_type_new(PyObject *module) MUST_CHECK;

#endif
