/*
 * eager: tasks that begin at once.
 *
 * From CPython 3.12 on asyncio offers it (eager_start). On 3.11 a Task
 * schedules its first step through loop.call_soon() while it is constructed;
 * the loop catches that one call and the step is run right here, in the same
 * context the loop would have used.
 */
#include "bindings/compat.h"
#include "bindings/loop.h"

void
pyb_eager_catch(struct pyb_loop *loop, PyObject *step, PyObject *context)
{
	loop->catching = false;
	loop->caught_step = Py_NewRef(step);
	loop->caught_context = Py_XNewRef(context);
}

static PyObject *
task_construct(struct pyb_loop *loop, PyObject *coro, PyObject *context)
{
	PyObject *args[5] = { NULL, coro, (PyObject *)loop, context, Py_True };

	return PyObject_Vectorcall(loop->st->task_class, args + 1,
	    1 | PY_VECTORCALL_ARGUMENTS_OFFSET, loop->st->kw_task);
}

#if PY_VERSION_HEX >= 0x030C0000

PyObject *
pyb_eager_task(PyObject *self, PyObject *coro, PyObject *context)
{
	return task_construct((struct pyb_loop *)self, coro, context);
}

#else

PyObject *
pyb_eager_task(PyObject *self, PyObject *coro, PyObject *context)
{
	struct pyb_loop *loop = (struct pyb_loop *)self;
	PyObject *task, *step, *step_context, *done = NULL;

	loop->catching = true;
	task = task_construct(loop, coro, context);
	loop->catching = false;
	step = loop->caught_step;
	step_context = loop->caught_context;
	loop->caught_step = loop->caught_context = NULL;
	if (task != NULL && step != NULL && PyContext_Enter(step_context) == 0) {
		done = PyObject_CallNoArgs(step);
		PyContext_Exit(step_context);
		/* A step keeps the coroutine's exceptions in the task; what is left
		 * are SystemExit and KeyboardInterrupt, which end the loop. */
		if (done == NULL)
			Py_XSETREF(loop->fatal, PyErr_GetRaisedException());
	}
	Py_XDECREF(done);
	Py_XDECREF(step);
	Py_XDECREF(step_context);
	return task;
}

#endif
