/*
 * type: the Python type of WebSockets.
 */
#ifndef BINDINGS_WEBSOCKET_TYPE_H
#define BINDINGS_WEBSOCKET_TYPE_H

#include <Python.h>

#include "base/attr.h"

/* Create it; new reference, NULL with an exception set. */
PyTypeObject *pyb_websocket_type_new(PyObject *module) MUST_CHECK;

#endif
