/*
 * thread_call: one plain function of a plan on a pool thread, awaited.
 *
 * Called by call.c, exits.c and tasks.c. The job owns everything that the function needs.
 * When the task of the run is cancelled while the function blocks, the run is dropped and
 * the function goes on; nobody gets its result, as with anyio. The thread must therefore
 * never touch the run.
 */
#include "bindings/plan/thread_call.h"

#include "base/must.h"
#include "bindings/compat.h"
#include "bindings/context.h"

struct thread_call {
	struct pyb_job job;
	struct pyb_module_state *st;
	PyObject *callable, *args, *kwargs, *context;
	PyObject *future;
	PyObject *value, *exc;
};

static void
call_free(struct thread_call *c)
{
	Py_CLEAR(c->callable);
	Py_CLEAR(c->args);
	Py_CLEAR(c->kwargs);
	Py_CLEAR(c->context);
	Py_CLEAR(c->future);
	Py_CLEAR(c->value);
	Py_CLEAR(c->exc);
	PyMem_Free(c);
}

static void
call_work(struct pyb_job *job)
{
	struct thread_call *c = container_of(job, struct thread_call, job);

	if (PyContext_Enter(c->context) == 0) {
		c->value = PyObject_Call(c->callable, c->args, c->kwargs);
		if (c->value == NULL)
			c->exc = PyErr_GetRaisedException();
		pyb_context_leave(c->context);
	} else {
		c->exc = PyErr_GetRaisedException();
	}
}

/* The exception as a future can carry it: not StopIteration (PEP 479), for which anyio
 * raises the same RuntimeError. New reference; NULL with an exception set. */
static PyObject *
deliverable(PyObject *exc)
{
	PyObject *wrapped;

	if (!PyErr_GivenExceptionMatches(exc, PyExc_StopIteration))
		return Py_NewRef(exc);
	wrapped = PyObject_CallFunction(PyExc_RuntimeError, "s",
	    "coroutine raised StopIteration");
	if (wrapped != NULL)
		PyException_SetCause(wrapped, Py_NewRef(exc));
	return wrapped;
}

static void
call_done(struct pyb_job *job)
{
	struct thread_call *c = container_of(job, struct thread_call, job);
	PyObject *done = PyObject_CallMethodNoArgs(c->future, c->st->n_done), *got = NULL, *exc;

	if (done == Py_False) {
		if (c->exc == NULL) {
			got = PyObject_CallMethodOneArg(c->future, c->st->n_set_result, c->value);
		} else if ((exc = deliverable(c->exc)) != NULL) {
			got = PyObject_CallMethodOneArg(c->future, c->st->n_set_exception, exc);
			Py_DECREF(exc);
		}
	}
	if (done == NULL || (done == Py_False && got == NULL))
		PyErr_WriteUnraisable(c->callable);
	Py_XDECREF(done);
	Py_XDECREF(got);
	call_free(c);
}

/* Copy the step's arguments, by name or by position. 0, or -1 with an exception set. */
static int
arguments_take(struct thread_call *c, struct pyb_run *r, const struct shm_step *step)
{
	const uint32_t *slots = r->binding->table.args + step->first;
	PyObject *names = step->object2 != SHM_NONE ?
	    PyTuple_GET_ITEM(r->binding->objects, step->object2) : NULL;

	c->kwargs = PyDict_New();
	c->args = PyTuple_New(names == NULL ? (Py_ssize_t)step->count : 0);
	if (c->kwargs == NULL || c->args == NULL)
		return -1;
	for (uint32_t i = 0; i < step->count; i++) {
		PyObject *value = r->slots[slots[i]];

		must(value != NULL);
		if (names == NULL)
			PyTuple_SET_ITEM(c->args, i, Py_NewRef(value));
		else if (PyDict_SetItem(c->kwargs, PyTuple_GET_ITEM(names, i), value) < 0)
			return -1;
	}
	return 0;
}

/* May the current task be within a cancel scope of anyio's, or come into one while it waits?
 * Middleware around a plan may have opened one, and so may a dependency with `yield` that
 * is entered. */
static bool
may_be_scoped(const struct pyb_run *r)
{
	return r->scoped || PyDict_GET_SIZE(r->app->st->cancel_scopes) > 0;
}

/* What the function needs beside its arguments. 0, or -1 with an exception set. */
static int
call_fill(struct thread_call *c, struct pyb_run *r, PyObject *callable, PyObject *loop)
{
	c->st = r->app->st;
	c->job.work = call_work;
	c->job.done = call_done;
	c->callable = may_be_scoped(r) ?
	    PyObject_CallOneArg(c->st->scoped, callable) : Py_NewRef(callable);
	if (c->callable == NULL ||
	    (c->context = PyObject_CallNoArgs(c->st->pool_context)) == NULL ||
	    (c->future = PyObject_CallMethodNoArgs(loop, c->st->n_create_future)) == NULL)
		return -1;
	return 0;
}

/* Submit the call (stolen), which has its arguments. The awaitable; NULL with an exception
 * set. */
static PyObject *
call_submit(struct pyb_run *r, struct thread_call *c, PyObject *callable, bool exit)
{
	struct pyb_module_state *st = r->app->st;
	PyObject *loop = PyObject_CallNoArgs(st->get_running_loop), *future = NULL;
	struct pyb_loop_local *local = NULL;
	struct pyb_pool *pool;

	if (loop == NULL || (local = pyb_local_get(st, loop)) == NULL ||
	    (pool = pyb_local_pool(local)) == NULL || call_fill(c, r, callable, loop) < 0) {
		call_free(c);
		goto done;
	}
	future = Py_NewRef(c->future);
	c->job.beyond = exit;
	pyb_pool_submit(pool, &c->job);
	if (may_be_scoped(r))
		Py_SETREF(future, PyObject_CallOneArg(st->shielded, future));
done:
	Py_XDECREF(loop);
	Py_XDECREF((PyObject *)local);
	return future;
}

PyObject *
pyb_thread_call(struct pyb_run *r, const struct shm_step *step)
{
	struct thread_call *c = PyMem_Calloc(1, sizeof(*c));

	if (c == NULL)
		return PyErr_NoMemory();
	if (arguments_take(c, r, step) < 0) {
		call_free(c);
		return NULL;
	}
	return call_submit(r, c, PyTuple_GET_ITEM(r->binding->objects, step->object), false);
}

PyObject *
pyb_thread_call_function(struct pyb_run *r, PyObject *function, PyObject *args, PyObject *named)
{
	struct thread_call *c = PyMem_Calloc(1, sizeof(*c));

	if (c == NULL)
		return PyErr_NoMemory();
	c->args = Py_NewRef(args);
	c->kwargs = Py_NewRef(named);
	return call_submit(r, c, function, false);
}

PyObject *
pyb_thread_call_method(struct pyb_run *r, PyObject *object, PyObject *name, PyObject *args,
    bool exit)
{
	struct thread_call *c = PyMem_Calloc(1, sizeof(*c));
	PyObject *method, *future = NULL;

	if (c == NULL)
		return PyErr_NoMemory();
	c->args = Py_NewRef(args);
	method = PyObject_GetAttr(object, name);
	if (method != NULL)
		future = call_submit(r, c, method, exit);
	else
		call_free(c);
	Py_XDECREF(method);
	return future;
}
