/*
 * layer_run: one request in a dispatch layer.
 */
#ifndef BINDINGS_STACK_LAYER_RUN_H
#define BINDINGS_STACK_LAYER_RUN_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/stack/dispatch.h"

/* A coroutine that answers the request of scope, receive and send (borrowed) as the layer
 * does. New reference; NULL with an exception set. */
PyObject *pyb_layer_run_new(struct pyb_dispatch *d, PyObject *const outer[3]) MUST_CHECK;

#endif
