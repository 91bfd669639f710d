/*
 * subtask: a task that begins at once.
 *
 * Called by stack/application.c, which runs what a dispatch layer wraps in a task of its own
 * without a turn of the loop, and by engine/ (begin_task()). While the new task makes its first
 * step it must be the current one, and its caller must not.
 */
#include "bindings/loop/subtask.h"

#include "bindings/compat.h"
#include "bindings/loop/loop.h"

/* As pyb_subtask_begin(). The caller may be handling an exception, of which the new task must not
 * know. */
static PyObject *
task_begin(struct pyb_loop_local *h, struct pyb_late *late, PyObject *coro, PyObject *context,
    PyObject *name)
{
	PyObject *handled = PyErr_GetHandledException(), *task;

	PyErr_SetHandledException(NULL);
	task = late != NULL ? pyb_late_task(h, late, coro, context, name) :
	    pyb_eager_task(h->loop, coro, context, name);
	PyErr_SetHandledException(handled);
	Py_XDECREF(handled);
	return task;
}

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
pyb_subtask_begin(struct pyb_module_state *st, PyObject *loop, struct pyb_late *late,
    PyObject *coro, PyObject *context, PyObject *name)
{
	struct pyb_loop_local *h = pyb_local_get(st, loop);
	PyObject *task = NULL, *current = NULL;

	if (h != NULL)
		current = PyObject_CallOneArg(st->current_task, loop);
	if (current == Py_None) {	/* call_next() was driven by hand */
		task = task_begin(h, late, coro, context, name);
	} else if (current != NULL && switch_task(st->leave_task, loop, current) == 0) {
		task = task_begin(h, late, coro, context, name);
		/* The caller goes on whatever there is, and the new task may wait for it: where
		 * there was no memory, try once more. */
		if (switch_task(st->enter_task, loop, current) < 0) {
			PyObject *failed = PyErr_GetRaisedException();

			if (switch_task(st->enter_task, loop, current) < 0)
				Py_CLEAR(task);
			if (task == NULL && !PyErr_Occurred())
				PyErr_SetRaisedException(failed);
			else
				Py_XDECREF(failed);
		}
	}
	Py_XDECREF(current);
	Py_XDECREF((PyObject *)h);
	return task;
}

/* Nobody will await the coroutine. A pending exception stays. */
static void
close_coroutine(struct pyb_module_state *st, PyObject *coro)
{
	PyObject *pending = PyErr_GetRaisedException(), *closed;

	closed = PyObject_CallMethodNoArgs(coro, st->n_close);
	if (closed == NULL)
		PyErr_WriteUnraisable(coro);
	Py_XDECREF(closed);
	PyErr_SetRaisedException(pending);
}

/* begin_task(loop, coroutine) -> a task; where there can be none the coroutine is closed. */
static PyObject *
begin_task(PyObject *module, PyObject *const *args, Py_ssize_t n)
{
	struct pyb_module_state *st = PyModule_GetState(module);
	PyObject *context, *task = NULL;

	if (n != 2 || !PyObject_TypeCheck(args[0], st->loop_type))
		return PyErr_Format(PyExc_TypeError, "begin_task() wants a loop and a coroutine");
	context = PyContext_CopyCurrent();
	if (context != NULL)
		task = pyb_subtask_begin(st, args[0], NULL, args[1], context, NULL);
	Py_XDECREF(context);
	if (task == NULL)
		close_coroutine(st, args[1]);
	return task;
}

int
pyb_subtask_register(PyObject *module)
{
	static PyMethodDef functions[] = {
		{ "begin_task", (PyCFunction)(void (*)(void))begin_task, METH_FASTCALL,
		    "begin_task(loop, coroutine): a task that has made its first step." },
		{ NULL, NULL, 0, NULL }
	};

	return PyModule_AddFunctions(module, functions);
}
