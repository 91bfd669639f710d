/*
 * waiters: futures of the running loop.
 *
 * Called by asgi/ and websocket/ for receive() and send(), and by stack/work.c.
 */
#include "bindings/loop/waiters.h"

#include "bindings/loop/future.h"

void
pyb_waiters_wake(struct pyb_module_state *st, PyObject **list)
{
	PyObject *waiters = *list;

	*list = NULL;
	for (Py_ssize_t i = 0; waiters != NULL && i < PyList_GET_SIZE(waiters); i++) {
		PyObject *future = PyList_GET_ITEM(waiters, i);

		if (pyb_future_resolve(st, future, st->n_set_result, Py_None) < 0)
			PyErr_WriteUnraisable(future);
	}
	Py_XDECREF(waiters);
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

PyObject *
pyb_waiters_wait(struct pyb_module_state *st, PyObject **list)
{
	PyObject *loop = PyObject_CallNoArgs(st->get_running_loop), *future = NULL, *waiters;

	if (loop == NULL)
		return NULL;
	if (*list == NULL)
		*list = PyList_New(0);
	waiters = Py_XNewRef(*list);
	if (waiters != NULL && waiters_prune(st, waiters) == 0)
		future = PyObject_CallMethodNoArgs(loop, st->n_create_future);
	if (future != NULL && PyList_Append(waiters, future) < 0)
		Py_CLEAR(future);
	Py_XDECREF(waiters);
	Py_DECREF(loop);
	return future;
}
