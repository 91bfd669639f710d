/*
 * awaitable: the iterator behind an awaitable object.
 */
#ifndef BINDINGS_AWAITABLE_H
#define BINDINGS_AWAITABLE_H

#include <Python.h>

#include "base/attr.h"

/* The iterator that drives `awaitable`: a coroutine drives itself, any other object has
 * __await__(), which may run user code. New reference. NULL with TypeError set when the
 * object cannot be awaited, or with the exception of __await__(). */
PyObject *pyb_awaitable_iterator(PyObject *awaitable) MUST_CHECK;

#endif
