/*
 * iterate: what `async for` does with an object.
 */
#ifndef BINDINGS_PLAN_ITERATE_H
#define BINDINGS_PLAN_ITERATE_H

#include <Python.h>

#include "base/attr.h"

/* Its asynchronous iterator. New reference; NULL with the exception of `async for` set. */
PyObject *pyb_iterate_begin(PyObject *object) MUST_CHECK;

/* The awaitable of the next item. New reference; NULL with an exception set: that of the
 * iterator, which may be StopAsyncIteration, or of `async for`. May run user code. */
PyObject *pyb_iterate_next(PyObject *iterator) MUST_CHECK;

#endif
