/*
 * wrapped: what the Request of a dispatch layer passes on of what the client sends.
 */
#ifndef BINDINGS_STACK_WRAPPED_H
#define BINDINGS_STACK_WRAPPED_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/stack/dispatch.h"

/* request.wrapped_receive(), `request` being one of d->request_class. New reference to the
 * coroutine; NULL with an exception set. */
PyObject *pyb_wrapped_receive(struct pyb_dispatch *d, PyObject *request) MUST_CHECK;

/* {"type": "http.disconnect"}, new reference; NULL with an exception set. */
PyObject *pyb_wrapped_disconnect(struct pyb_module_state *st) MUST_CHECK;

#endif
