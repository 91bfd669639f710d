/*
 * eager_task: tasks that begin at once.
 *
 * Called by schedule.c, which offers it each call_soon(), and by late_task.c, standin.c and
 * subtask.c for their tasks. From CPython 3.12 on asyncio has the option eager_start. On 3.11 a
 * Task schedules its first step with loop.call_soon() while it is constructed; the loop catches
 * that one call, and the step runs here, in the context in which the loop would have run it.
 * Finalizers and other threads may call call_soon() meanwhile; they cannot have the task's context,
 * by which its step is known.
 */
#include "bindings/compat.h"
#include "bindings/context.h"
#include "bindings/loop/loop.h"
#include "bindings/loop/task_step.h"

/* A construction in progress. */
struct pyb_eager {
	PyObject *context;	/* the task's, borrowed */
	PyObject *step;		/* NULL until caught */
};

bool
pyb_eager_task_catch(struct pyb_loop *loop, PyObject *callback, PyObject *context)
{
	struct pyb_eager *e = loop->eager;

	if (context != e->context || e->step != NULL)
		return false;
	e->step = Py_NewRef(callback);
	return true;
}

static PyObject *
task_construct(struct pyb_loop *loop, PyObject *class, PyObject *coro, PyObject *context,
    PyObject *name)
{
	PyObject *args[6] = { NULL, coro, name != NULL ? name : Py_None, (PyObject *)loop,
	    context, Py_True };

	return PyObject_Vectorcall(class, args + 1,
	    1 | PY_VECTORCALL_ARGUMENTS_OFFSET, loop->st->kw_task);
}

void
pyb_eager_task_raised(struct pyb_loop *loop, PyObject *step)
{
	if (PyErr_ExceptionMatches(PyExc_SystemExit) ||
	    PyErr_ExceptionMatches(PyExc_KeyboardInterrupt))
		Py_XSETREF(loop->fatal, PyErr_GetRaisedException());
	else
		PyErr_WriteUnraisable(step);
}

#if PY_VERSION_HEX >= 0x030C0000

PyObject *
pyb_eager_task_of(PyObject *self, PyObject *class, PyObject *coro, PyObject *context,
    PyObject *name)
{
	return task_construct((struct pyb_loop *)self, class, coro, context, name);
}

#else

/* Let the loop run `step` in its next turn. 0, or -1 with an exception set. */
static int
step_later(struct pyb_loop *loop, PyObject *step, PyObject *context)
{
	struct pyb_handle *h = pyb_handle_new(loop, step, NULL, 0, context,
	    loop->st->handle_type);

	if (h == NULL)
		return -1;
	pyb_handle_push(h);
	Py_DECREF(h);
	return 0;
}

/* Run `step` now, or later when that is not possible. 0, or -1 with an exception set when it
 * can be neither. */
static int
step_run(struct pyb_loop *loop, PyObject *step, PyObject *context)
{
	PyObject *done;
	bool again;

	if (PyContext_Enter(context) < 0) {
		PyErr_Clear();
		return step_later(loop, step, context);
	}
	done = PyObject_CallNoArgs(step);
	again = done == NULL && pyb_task_step_is_due(loop->st, step);
	if (done == NULL && !again)
		pyb_eager_task_raised(loop, step);
	Py_XDECREF(done);
	pyb_context_leave(context);
	return again ? step_later(loop, step, context) : 0;
}

PyObject *
pyb_eager_task_of(PyObject *self, PyObject *class, PyObject *coro, PyObject *context,
    PyObject *name)
{
	struct pyb_loop *loop = (struct pyb_loop *)self;
	struct pyb_eager e = { context, NULL }, *outer = loop->eager;
	PyObject *task;

	loop->eager = &e;
	task = task_construct(loop, class, coro, context, name);
	loop->eager = outer;
	if (task != NULL && e.step != NULL && step_run(loop, e.step, context) < 0)
		Py_CLEAR(task);
	Py_XDECREF(e.step);
	return task;
}

#endif

PyObject *
pyb_eager_task(PyObject *loop, PyObject *coro, PyObject *context, PyObject *name)
{
	return pyb_eager_task_of(loop, ((struct pyb_loop *)loop)->st->task_class, coro, context,
	    name);
}
