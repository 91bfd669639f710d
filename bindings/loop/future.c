/*
 * future: a second try where the first one had no memory.
 *
 * Called by waiters.c, plan/, stack/ and engine/ (resolve()). The callback is known before the
 * future is resolved, because the future forgets it even when the loop could not take it. Nothing
 * here runs code of the user's.
 */
#include "bindings/loop/future.h"

#include "bindings/compat.h"
#include "bindings/loop/loop.h"

static PyObject *
call(PyObject *future, PyObject *method, PyObject *value)
{
	return value == NULL ? PyObject_CallMethodNoArgs(future, method) :
	    PyObject_CallMethodOneArg(future, method, value);
}

/* 1 or 0; -1 with an exception set. */
static int
is_done(struct pyb_module_state *st, PyObject *future)
{
	PyObject *done = PyObject_CallMethodNoArgs(future, st->n_done);
	int is = done != NULL ? PyObject_IsTrue(done) : -1;

	Py_XDECREF(done);
	return is;
}

/* The only callback and its context, a tuple. New reference; NULL: there is none, there are
 * several, or no memory. Leaves no exception. */
static PyObject *
only_callback(struct pyb_module_state *st, PyObject *future)
{
	PyObject *all = PyObject_GetAttr(future, st->n__callbacks), *one = NULL;

	if (all != NULL && PyList_CheckExact(all) && PyList_GET_SIZE(all) == 1 &&
	    PyTuple_CheckExact(PyList_GET_ITEM(all, 0)) &&
	    PyTuple_GET_SIZE(PyList_GET_ITEM(all, 0)) == 2)
		one = Py_NewRef(PyList_GET_ITEM(all, 0));
	PyErr_Clear();
	Py_XDECREF(all);
	return one;
}

/* What call_soon() does. 0, or -1 with an exception set. */
static int
schedule(struct pyb_module_state *st, PyObject *future, PyObject *callback)
{
	PyObject *loop = PyObject_CallMethodNoArgs(future, st->n_get_loop);
	struct pyb_handle *h = NULL;

	if (loop != NULL && PyObject_TypeCheck(loop, st->loop_type) &&
	    pyb_loop_alive(loop) != NULL)
		h = pyb_handle_new((struct pyb_loop *)loop, PyTuple_GET_ITEM(callback, 0), &future,
		    1, PyTuple_GET_ITEM(callback, 1), st->handle_type);
	else if (loop != NULL && !PyErr_Occurred())
		PyErr_NoMemory();
	if (h != NULL)
		pyb_handle_push(h);
	Py_XDECREF((PyObject *)h);
	Py_XDECREF(loop);
	return h != NULL ? 0 : -1;
}

/* Resolving the future had no memory (an exception is set). 0, or -1 with an exception
 * set. */
static int
try_again(struct pyb_module_state *st, PyObject *future, PyObject *method, PyObject *value,
    PyObject *callback)
{
	PyObject *failed = PyErr_GetRaisedException(), *result;
	int done = is_done(st, future), rc = -1;

	if (done > 0 && callback != NULL) {
		rc = schedule(st, future, callback);
	} else if (done == 0) {
		result = call(future, method, value);
		rc = result != NULL ? 0 : -1;
		Py_XDECREF(result);
	} else if (done > 0) {
		PyErr_SetRaisedException(Py_NewRef(failed));
	}
	Py_DECREF(failed);
	return rc;
}

int
pyb_future_resolve(struct pyb_module_state *st, PyObject *future, PyObject *method,
    PyObject *value)
{
	int done = is_done(st, future), rc = 0;
	PyObject *callback, *result;

	if (done != 0)
		return done < 0 ? -1 : 0;
	callback = only_callback(st, future);
	result = call(future, method, value);
	if (result == NULL)
		rc = PyErr_ExceptionMatches(PyExc_MemoryError) ?
		    try_again(st, future, method, value, callback) : -1;
	Py_XDECREF(callback);
	Py_XDECREF(result);
	return rc < 0 ? -1 : 1;
}

/* resolve(future) */
static PyObject *
resolve(PyObject *module, PyObject *future)
{
	struct pyb_module_state *st = PyModule_GetState(module);

	if (pyb_future_resolve(st, future, st->n_set_result, Py_None) < 0)
		return NULL;
	Py_RETURN_NONE;
}

int
pyb_future_register(PyObject *module)
{
	static PyMethodDef functions[] = {
		{ "resolve", resolve, METH_O,
		    "resolve(future): its result is None, unless it is done." },
		{ NULL, NULL, 0, NULL }
	};

	return PyModule_AddFunctions(module, functions);
}
