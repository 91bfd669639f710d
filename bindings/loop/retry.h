/*
 * retry: a second try where the first one had no memory.
 *
 * For what must not be left undone, because nobody else would do it: a scope that is left, a
 * task that is told of its coroutine. The first try gives back what it has taken.
 */
#ifndef BINDINGS_LOOP_RETRY_H
#define BINDINGS_LOOP_RETRY_H

#include <Python.h>
#include <stdbool.h>

#include "base/attr.h"

/* [gil] Is `made` NULL for want of memory? Then the exception is cleared, and the caller has
 * to try once more. */
MUST_CHECK static inline bool
pyb_retry_is_due(PyObject *made)
{
	if (made != NULL || !PyErr_ExceptionMatches(PyExc_MemoryError))
		return false;
	PyErr_Clear();
	return true;
}

#endif
