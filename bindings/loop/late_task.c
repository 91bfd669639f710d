/*
 * late_task: a task that is made only when its coroutine is suspended.
 *
 * Called by asgi/, plan/, websocket/ and subtask.c for their coroutines. The task that is made then sees
 * the coroutine yield for the first time what it has yielded already (pyb_coro_put_back()).
 */
#include "bindings/loop/late_task.h"

#include <stdbool.h>

#include "bindings/compat.h"
#include "bindings/context.h"
#include "bindings/coro.h"
#include "bindings/loop/loop.h"
#include "bindings/loop/retry.h"
#include "bindings/loop/standin.h"

/* A task for the suspended coroutine, which yields again what it has yielded. Without a task
 * what it has entered would not be left: where there was no memory, it is tried once more. */
static PyObject *
task_new(struct pyb_loop_local *h, PyObject *coro, PyObject *context, PyObject *name)
{
	PyObject *task = pyb_eager_task(h->loop, coro, context, name);

	if (pyb_retry_is_due(task))
		task = pyb_eager_task(h->loop, coro, context, name);
	return task;
}

/* Give the suspended coroutine, which has yielded `value` (stolen), to its task: `touched`
 * (stolen), a stand-in, or a new one (NULL). As pyb_late_task(). */
static PyObject *
task_for(struct pyb_loop_local *h, PyObject *touched, PyObject *coro, PyObject *context,
    PyObject *name, PyObject *value)
{
	bool adopted = touched != NULL &&
	    pyb_standin_adopt(h, touched, coro, context, name, value) == 0;
	bool ends = touched != NULL && !adopted && (PyErr_ExceptionMatches(PyExc_SystemExit) ||
	    PyErr_ExceptionMatches(PyExc_KeyboardInterrupt));

	if (touched != NULL && !adopted)
		pyb_eager_task_raised((struct pyb_loop *)h->loop, touched);
	if (adopted || ends) {
		Py_DECREF(value);
		return touched;
	}
	/* Without memory for that it gets a task that the user code has not seen. */
	Py_XDECREF(touched);
	pyb_coro_put_back(coro, value);
	return task_new(h, coro, context, name);
}

/* The coroutine has ended without a task, or with the stand-in `touched` (stolen, may be NULL).
 * It may have raised: an exception is set. Returns None. */
static PyObject *
end(struct pyb_loop_local *h, PyObject *touched, PyObject *coro)
{
	PyObject *exc = PyErr_GetRaisedException();
	bool cancelled = exc != NULL &&
	    PyObject_TypeCheck(exc, (PyTypeObject *)h->st->cancelled_error);

	pyb_standin_end(h, touched, exc);
	if (exc != NULL && touched == NULL && !cancelled) {
		PyErr_SetRaisedException(Py_NewRef(exc));
		pyb_eager_task_raised((struct pyb_loop *)h->loop, coro);
	}
	Py_XDECREF(exc);
	return Py_NewRef(Py_None);
}

PyObject *
pyb_late_task(struct pyb_loop_local *h, struct pyb_late *late, PyObject *coro,
    PyObject *context, PyObject *name)
{
	PyObject *value = NULL, *touched;
	PySendResult sent;

	if (late->at_once > 0) {
		late->at_once--;
		return pyb_eager_task(h->loop, coro, context, name);
	}
	if (PyContext_Enter(context) < 0) {
		PyErr_Clear();
		return pyb_eager_task(h->loop, coro, context, name);
	}
	if (pyb_standin_enter(h, context, name) < 0) {
		pyb_context_leave(context);
		return pyb_retry_is_due(NULL) ? pyb_eager_task(h->loop, coro, context, name) : NULL;
	}
	sent = PyIter_Send(coro, Py_None, &value);
	touched = pyb_standin_leave(h);
	pyb_context_leave(context);
	if (touched != NULL)
		late->at_once = UINT8_MAX;
	if (sent == PYGEN_NEXT)
		return task_for(h, touched, coro, context, name, value);
	Py_XDECREF(value);
	return end(h, touched, coro);
}
