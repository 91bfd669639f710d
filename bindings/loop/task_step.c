/*
 * task_step: which callbacks are steps, and whether one is called again.
 *
 * Called by handle.c and eager_task.c. A task keeps what its coroutine raises, so that an
 * exception of the step itself is asyncio's own. The coroutine may have run all the same: it
 * then waits for something that will not wake the task, and is told so by what it waits for,
 * unless that is done by then.
 */
#include "bindings/loop/task_step.h"

#include <string.h>

#include "bindings/compat.h"

/* Is it what asyncio's Task gives to call_soon(), or to a future that it waits for? */
static bool
is_step(PyObject *callback)
{
	const char *type = Py_TYPE(callback)->tp_name;

	if (PyCFunction_CheckExact(callback))
		return strcmp(((PyCFunctionObject *)callback)->m_ml->ml_name, "task_wakeup") == 0 ||
		    strcmp(((PyCFunctionObject *)callback)->m_ml->ml_name, "TaskWakeupMethWrapper") == 0;
	return strcmp(type, "TaskStepMethWrapper") == 0 ||
	    strcmp(type, "_asyncio.TaskStepMethWrapper") == 0;
}

/* Has the callback's task ended? A class derived from Task may say of itself what it likes: a
 * stand-in between two requests does. Leaves no exception. */
static bool
has_ended(struct pyb_module_state *st, PyObject *callback)
{
	PyObject *task = PyObject_GetAttr(callback, st->n___self__);
	PyObject *done = task != NULL ?
	    PyObject_CallMethodOneArg(st->task_class, st->n_done, task) : NULL;
	bool ended = done == NULL || done == Py_True;

	PyErr_Clear();
	Py_XDECREF(done);
	Py_XDECREF(task);
	return ended;
}

bool
pyb_task_step_is_due(struct pyb_module_state *st, PyObject *callback)
{
	PyObject *exc;

	if (!PyErr_ExceptionMatches(PyExc_MemoryError) || !is_step(callback))
		return false;
	exc = PyErr_GetRaisedException();
	if (has_ended(st, callback)) {
		PyErr_SetRaisedException(exc);
		return false;
	}
	Py_DECREF(exc);
	return true;
}
