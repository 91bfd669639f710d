/*
 * compat: what later versions of CPython offer and 3.11 spells differently, or gets wrong.
 */
#ifndef BINDINGS_COMPAT_H
#define BINDINGS_COMPAT_H

#include <Python.h>

#if PY_VERSION_HEX < 0x030D0000

/* The attribute (new reference) in `*value`, 1; 0 when there is none, with no exception made
 * on the way; -1 with an exception set. */
static inline int
PyObject_GetOptionalAttr(PyObject *object, PyObject *name, PyObject **value)
{
	return _PyObject_LookupAttr(object, name, value);
}

#endif

#if PY_VERSION_HEX < 0x030C0000

/* The pending exception, normalised and with its traceback; clears it. New
 * reference, NULL when none is pending. */
static inline PyObject *
PyErr_GetRaisedException(void)
{
	PyObject *type, *value, *traceback;

	PyErr_Fetch(&type, &value, &traceback);
	if (type == NULL)
		return NULL;
	PyErr_NormalizeException(&type, &value, &traceback);
	if (traceback != NULL) {
		PyException_SetTraceback(value, traceback);
		Py_DECREF(traceback);
	}
	Py_DECREF(type);
	return value;
}

/* Make `exc` the pending exception; takes the reference. */
static inline void
PyErr_SetRaisedException(PyObject *exc)
{
	PyObject *type = Py_NewRef((PyObject *)Py_TYPE(exc));

	PyErr_Restore(type, exc, PyException_GetTraceback(exc));
}

/* The generator's code; new reference. */
static inline PyCodeObject *
PyGen_GetCode(PyGenObject *generator)
{
	return (PyCodeObject *)Py_NewRef((PyObject *)generator->gi_code);
}

#endif

/* A new list of a sequence's items. NULL with an exception set. PySequence_List() of 3.11 and 3.12
 * loses a list or a tuple that it has no memory to copy. */
static inline PyObject *
pyb_compat_list(PyObject *sequence)
{
	PyObject *list;

	if (PyList_CheckExact(sequence))
		return PyList_GetSlice(sequence, 0, PyList_GET_SIZE(sequence));
	if (!PyTuple_CheckExact(sequence))
		return PySequence_List(sequence);
	list = PyList_New(PyTuple_GET_SIZE(sequence));
	for (Py_ssize_t i = 0; list != NULL && i < PyTuple_GET_SIZE(sequence); i++)
		PyList_SET_ITEM(list, i, Py_NewRef(PyTuple_GET_ITEM(sequence, i)));
	return list;
}

#endif
