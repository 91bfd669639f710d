/*
 * subtask: a task that begins at once.
 *
 * Called by application.c, which runs what a dispatch layer wraps in a task of its own
 * without a turn of the loop. While the new task makes its first step it must be the
 * current one, and its caller must not.
 */
#include "bindings/stack/subtask.h"

#include "bindings/compat.h"
#include "bindings/loop/loop.h"

/* As pyb_eager_task(). The caller may be handling an exception, of which the new task must
 * not know. */
static PyObject *
task_begin(PyObject *loop, PyObject *coro, PyObject *context, PyObject *name)
{
	PyObject *handled = PyErr_GetHandledException(), *task;

	PyErr_SetHandledException(NULL);
	task = pyb_eager_task(loop, coro, context, name);
	PyErr_SetHandledException(handled);
	Py_XDECREF(handled);
	return task;
}

#if PY_VERSION_HEX >= 0x030C0000

PyObject *
pyb_subtask_begin(struct pyb_module_state *Py_UNUSED(st), PyObject *loop, PyObject *coro,
    PyObject *context, PyObject *name)
{
	return task_begin(loop, coro, context, name);
}

#else

/* Let `current` be the current task, or no longer be it. A pending exception stays. 0, or
 * -1 with an exception set. */
static int
switch_task(PyObject *function, PyObject *loop, PyObject *current)
{
	PyObject *args[] = { loop, current }, *pending = PyErr_GetRaisedException();
	PyObject *done = PyObject_Vectorcall(function, args, 2, NULL);

	Py_XDECREF(done);
	if (pending != NULL) {
		if (done == NULL)
			PyErr_WriteUnraisable(current);
		PyErr_SetRaisedException(pending);
	}
	return done == NULL ? -1 : 0;
}

PyObject *
pyb_subtask_begin(struct pyb_module_state *st, PyObject *loop, PyObject *coro, PyObject *context,
    PyObject *name)
{
	PyObject *task = NULL, *current = PyObject_CallOneArg(st->current_task, loop);

	if (current == NULL)
		return NULL;
	if (current == Py_None) {	/* call_next() was driven by hand */
		task = task_begin(loop, coro, context, name);
	} else if (switch_task(st->leave_task, loop, current) == 0) {
		task = task_begin(loop, coro, context, name);
		if (switch_task(st->enter_task, loop, current) < 0)
			Py_CLEAR(task);
	}
	Py_DECREF(current);
	return task;
}

#endif
