/*
 * cancel: find the task, cancel it as anyone would.
 *
 * Called by bindings/request.c and websocket/websocket.c. The task is the application's, or the
 * plan's where that runs without one. What runs on a pool thread has none: nothing can stop it,
 * and its answer goes nowhere.
 */
#include "bindings/plan/cancel.h"

#include "bindings/asgi/asgi.h"
#include "bindings/plan/run.h"

void
pyb_cancel_task(PyObject *task)
{
	PyObject *done;

	if (task == NULL)
		return;
	Py_INCREF(task);
	/* The last words of the traceback in the log. */
	done = PyObject_CallMethod(task, "cancel", "s", "no answer within the timeout of its --route");
	if (done == NULL)
		PyErr_WriteUnraisable(task);
	Py_XDECREF(done);
	Py_DECREF(task);
}

void
pyb_cancel_run(struct hx_exchange *x)
{
	const struct pyb_run *run = x->upper.run;
	PyObject *task = x->upper.asgi != NULL ? pyb_asgi_task(x->upper.asgi) : NULL;

	if (task == NULL && run != NULL)
		task = run->task;
	pyb_cancel_task(task);
}
