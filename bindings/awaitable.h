/*
 * awaitable: the iterator behind an awaitable object.
 */
#ifndef BINDINGS_AWAITABLE_H
#define BINDINGS_AWAITABLE_H

#include <Python.h>

/* The iterator that drives `awaitable`: itself for coroutines, else what its
 * __await__() gives, which may run user code. New reference; NULL with TypeError set
 * when it cannot be awaited, or with what __await__() raised. */
PyObject *pyb_awaitable_iterator(PyObject *awaitable);

#endif
