/*
 * broadcast: one message for many WebSockets.
 *
 * What stands behind fastrapi.broadcast(), which python/fastrapi/broadcasting.py is.
 */
#ifndef BINDINGS_WEBSOCKET_BROADCAST_H
#define BINDINGS_WEBSOCKET_BROADCAST_H

#include <Python.h>

#include "base/attr.h"

/* Add the function to the module. 0, or -1 with an exception set. */
int pyb_broadcast_register(PyObject *module) MUST_CHECK;

#endif
