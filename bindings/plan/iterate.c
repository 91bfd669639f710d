/*
 * iterate: `async for` without a frame.
 *
 * Called by pieces.c and event_tasks.c. Exceptions have the types and texts of CPython's own
 * `async for`.
 */
#include "bindings/plan/iterate.h"

#include "bindings/compat.h"

PyObject *
pyb_iterate_begin(PyObject *object)
{
	PyAsyncMethods *methods = Py_TYPE(object)->tp_as_async;
	PyObject *iterator;

	if (methods == NULL || methods->am_aiter == NULL)
		return PyErr_Format(PyExc_TypeError, "'async for' requires an object with "
		    "__aiter__ method, got %.100s", Py_TYPE(object)->tp_name);
	iterator = methods->am_aiter(object);
	if (iterator == NULL)
		return NULL;
	methods = Py_TYPE(iterator)->tp_as_async;
	if (methods != NULL && methods->am_anext != NULL)
		return iterator;
	PyErr_Format(PyExc_TypeError, "'async for' received an object from __aiter__ "
	    "that does not implement __anext__: %.100s", Py_TYPE(iterator)->tp_name);
	Py_DECREF(iterator);
	return NULL;
}

/* __anext__() has given something that cannot be awaited. */
static void
refuse(PyObject *given)
{
	PyObject *cause, *exc;

	PyErr_Format(PyExc_TypeError, "object %.100s can't be used in 'await' expression",
	    Py_TYPE(given)->tp_name);
	cause = PyErr_GetRaisedException();
	PyErr_Format(PyExc_TypeError, "'async for' received an invalid object from __anext__: "
	    "%.100s", Py_TYPE(given)->tp_name);
	exc = PyErr_GetRaisedException();
	PyException_SetContext(exc, Py_NewRef(cause));
	PyException_SetCause(exc, cause);
	PyErr_SetRaisedException(exc);
}

PyObject *
pyb_iterate_next(PyObject *iterator)
{
	PyAsyncMethods *methods = Py_TYPE(iterator)->tp_as_async;
	PyObject *given;

	/* User code may have changed its class since the last time. */
	if (methods == NULL || methods->am_anext == NULL)
		return PyErr_Format(PyExc_TypeError, "'async for' requires an iterator with "
		    "__anext__ method, got %.100s", Py_TYPE(iterator)->tp_name);
	given = methods->am_anext(iterator);
	if (given == NULL)
		return NULL;
	methods = Py_TYPE(given)->tp_as_async;
	if ((methods == NULL || methods->am_await == NULL) && !PyGen_CheckExact(given)) {
		refuse(given);
		Py_CLEAR(given);
	}
	return given;
}
