/*
 * waiters: futures of the running loop.
 *
 * Called by asgi/ and websocket/ for receive() and send(), and by stack/work.c.
 */
#include "bindings/loop/waiters.h"

#include "bindings/loop/future.h"

static void
resolve(struct pyb_module_state *st, PyObject *future)
{
	if (pyb_future_resolve(st, future, st->n_set_result, Py_None) < 0)
		PyErr_WriteUnraisable(future);
}

void
pyb_waiters_wake(struct pyb_module_state *st, PyObject **waiters)
{
	PyObject *found = *waiters;

	*waiters = NULL;
	if (found == NULL)
		return;
	if (!PyList_CheckExact(found))
		resolve(st, found);
	else
		for (Py_ssize_t i = 0; i < PyList_GET_SIZE(found); i++)
			resolve(st, PyList_GET_ITEM(found, i));
	Py_DECREF(found);
}

/* Drop the futures that are done. Their coroutines were cancelled:
 * Request.is_disconnected() cancels receive() each time. 0, or -1 with an exception
 * set. */
static int
waiters_prune(struct pyb_module_state *st, PyObject *waiters)
{
	int rc = 0;

	for (Py_ssize_t i = PyList_GET_SIZE(waiters); rc == 0 && i-- > 0;) {
		PyObject *future = PySequence_GetItem(waiters, i);
		PyObject *done = future != NULL ?
		    PyObject_CallMethodNoArgs(future, st->n_done) : NULL;

		if (done == NULL)
			rc = -1;
		else if (done == Py_True)
			rc = PyList_SetSlice(waiters, i, i + 1, NULL);
		Py_XDECREF(done);
		Py_XDECREF(future);
	}
	return rc;
}

/* Add one to others. 0, or -1 with an exception set. */
static int
waiters_add(struct pyb_module_state *st, PyObject **waiters, PyObject *future)
{
	PyObject *list;
	int rc;

	if (*waiters != NULL && !PyList_CheckExact(*waiters)) {
		list = PyList_New(1);
		if (list == NULL)
			return -1;
		PyList_SET_ITEM(list, 0, *waiters);
		*waiters = list;
	}
	if (*waiters == NULL) {
		*waiters = Py_NewRef(future);
		return 0;
	}
	list = Py_NewRef(*waiters);
	rc = waiters_prune(st, list) < 0 || PyList_Append(list, future) < 0 ? -1 : 0;
	Py_DECREF(list);
	return rc;
}

PyObject *
pyb_waiters_wait(struct pyb_module_state *st, PyObject **waiters)
{
	PyObject *loop = PyObject_CallNoArgs(st->get_running_loop), *future;

	if (loop == NULL)
		return NULL;
	future = PyObject_CallMethodNoArgs(loop, st->n_create_future);
	if (future != NULL && waiters_add(st, waiters, future) < 0)
		Py_CLEAR(future);
	Py_DECREF(loop);
	return future;
}
