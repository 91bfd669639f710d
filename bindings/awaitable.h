/*
 * awaitable: the iterator behind an awaitable object, and how it is resumed (PEP 380, 492).
 */
#ifndef BINDINGS_AWAITABLE_H
#define BINDINGS_AWAITABLE_H

#include <Python.h>

#include "base/attr.h"

/* The iterator that drives `awaitable`: a coroutine drives itself, any other object has
 * __await__(), which may run user code. New reference. NULL with TypeError set when the
 * object cannot be awaited, or with the exception of __await__(). */
PyObject *pyb_awaitable_iterator(PyObject *awaitable) MUST_CHECK;

/* Throw `exc` into the iterator, with throw(), named by the str `name`. The verdict is the
 * iterator's; *value is what it has yielded or returned, a new reference, or NULL. */
PySendResult pyb_awaitable_throw(PyObject *iterator, PyObject *name, PyObject *exc,
    PyObject **value) MUST_CHECK;

/* What the method of an iterator returns that has stepped with `sent` and `value` (stolen): a
 * result is reported as StopIteration. */
PyObject *pyb_awaitable_method(PySendResult sent, PyObject *value) MUST_CHECK;

#endif
