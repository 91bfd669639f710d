/*
 * truth: is an attribute of a Python object true?
 */
#ifndef BINDINGS_TRUTH_H
#define BINDINGS_TRUTH_H

#include <Python.h>

#include "base/attr.h"

/* 1 or 0; -1 with an exception set. [gil] May run Python code. */
MUST_CHECK static inline int
pyb_truth_of(PyObject *object, PyObject *name)
{
	PyObject *value = PyObject_GetAttr(object, name);
	int is = value != NULL ? PyObject_IsTrue(value) : -1;

	Py_XDECREF(value);
	return is;
}

#endif
