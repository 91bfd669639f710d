/*
 * call_next: what the user's dispatch() calls to let the layers within answer.
 */
#ifndef BINDINGS_STACK_CALL_NEXT_H
#define BINDINGS_STACK_CALL_NEXT_H

#include <Python.h>

#include "base/attr.h"

/* The vectorcall of a Passage: call_next(request) -> a coroutine of Starlette's
 * _StreamingResponse. */
PyObject *pyb_call_next(PyObject *passage, PyObject *const *args, size_t nargsf,
    PyObject *names) MUST_CHECK;

/* Method take() of a Passage: a coroutine of the next message of the applications. */
PyObject *pyb_call_next_take(PyObject *passage, PyObject *ignored) MUST_CHECK;

#endif
