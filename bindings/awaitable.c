/*
 * awaitable: what `await` does before it waits, and with what it waits for (PEP 380, 492).
 *
 * Called by coro.c for what a step asks to await, and by plan/phases.c, stack/race.c and
 * stack/listen.c for coroutines that they step themselves. Exceptions have the types and texts of
 * CPython's own `await`.
 */
#include "bindings/awaitable.h"

#include <stdbool.h>

#include "bindings/compat.h"

/* Is it a coroutine, or a generator that types.coroutine() has marked as one? */
static bool
is_coroutine(PyObject *awaitable)
{
	PyCodeObject *code;
	bool is;

	if (!PyGen_CheckExact(awaitable))
		return PyCoro_CheckExact(awaitable);
	code = PyGen_GetCode((PyGenObject *)awaitable);
	is = (code->co_flags & CO_ITERABLE_COROUTINE) != 0;
	Py_DECREF(code);
	return is;
}

PyObject *
pyb_awaitable_iterator(PyObject *awaitable)
{
	PyAsyncMethods *methods = Py_TYPE(awaitable)->tp_as_async;
	PyObject *iterator;

	if (is_coroutine(awaitable))
		return Py_NewRef(awaitable);
	if (methods == NULL || methods->am_await == NULL)
		return PyErr_Format(PyExc_TypeError,
		    "object %.100s can't be used in 'await' expression",
		    Py_TYPE(awaitable)->tp_name);
	iterator = methods->am_await(awaitable);
	if (iterator == NULL || (PyIter_Check(iterator) && !is_coroutine(iterator)))
		return iterator;
	if (is_coroutine(iterator))
		PyErr_SetString(PyExc_TypeError, "__await__() returned a coroutine");
	else
		PyErr_Format(PyExc_TypeError,
		    "__await__() returned non-iterator of type '%.100s'",
		    Py_TYPE(iterator)->tp_name);
	Py_DECREF(iterator);
	return NULL;
}

PySendResult
pyb_awaitable_throw(PyObject *iterator, PyObject *name, PyObject *exc, PyObject **value)
{
	PyObject *raised;

	*value = PyObject_CallMethodOneArg(iterator, name, exc);
	if (*value != NULL)
		return PYGEN_NEXT;
	/* Python 3.11 makes a StopIteration only now, and it may have no memory for it. */
	raised = PyErr_GetRaisedException();
	if (!PyObject_TypeCheck(raised, (PyTypeObject *)PyExc_StopIteration)) {
		PyErr_SetRaisedException(raised);
		return PYGEN_ERROR;
	}
	*value = Py_NewRef(((PyStopIterationObject *)raised)->value);
	Py_DECREF(raised);
	return PYGEN_RETURN;
}

PyObject *
pyb_awaitable_method(PySendResult sent, PyObject *value)
{
	PyObject *stop;

	if (sent != PYGEN_RETURN)
		return value;
	stop = PyObject_CallOneArg(PyExc_StopIteration, value);
	Py_DECREF(value);
	if (stop != NULL)
		PyErr_SetRaisedException(stop);
	return NULL;
}
