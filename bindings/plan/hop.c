/*
 * hop: jobs for the pool that a task awaits.
 *
 * Called by thread_call.c and tasks.c, by call.c before one begins, and by phases.c, nested.c and
 * run.c at its end. The first call has all that it needs, and is made whatever becomes of the task.
 * The calls after it are the run's: the thread takes them from it and gives it their results,
 * holding the interpreter throughout, so that the loop's thread can take the run away between any
 * two of them. The thread must never use a run that was taken away.
 */
#include "bindings/plan/hop.h"

#include "base/must.h"
#include "bindings/compat.h"
#include "bindings/context.h"
#include "bindings/loop/future.h"
#include "bindings/loop/sync_mode.h"
#include "bindings/plan/plain.h"

static void
hop_free(struct pyb_hop *h)
{
	PyObject **all[] = {
		&h->callable, &h->args, &h->named, &h->value, &h->exc, &h->context, &h->future,
		&h->shield, &h->scope
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		Py_CLEAR(*all[i]);
	Py_CLEAR(h->binding);
	PyMem_Free(h);
}

/* The current cancel scope of this thread's functions; the one before, new reference. NULL with
 * an exception set. */
static PyObject *
scope_swap(struct pyb_hop *h, PyObject *scope)
{
	return PyObject_CallOneArg(h->st->swap_scope, scope);
}

/* Has a cancel scope around the task been cancelled meanwhile? With an exception set: true. */
static bool
is_over(struct pyb_hop *h)
{
	PyObject *cancelled;
	bool over;

	if (h->shield == NULL || h->job.beyond || PyDict_GET_SIZE(h->st->cancel_scopes) == 0)
		return false;
	cancelled = PyObject_CallOneArg(h->st->is_cancelled_around, h->shield);
	over = cancelled != Py_False;
	Py_XDECREF(cancelled);
	return over;
}

static bool
first_call(struct pyb_hop *h)
{
	PyObject *value = PyObject_Call(h->callable, h->args, h->named);

	if (value != NULL && h->run != NULL && h->took != NULL)
		return h->took(h, value);
	Py_XDECREF(value);
	return false;
}

/* A call in a context of its own. True: there may be another. */
static bool
call_one(struct pyb_hop *h, bool first)
{
	PyObject *context = PyContext_Copy(h->context);
	bool more = false;

	if (context != NULL && PyContext_Enter(context) == 0) {
		if (first)
			more = first_call(h);
		else if (!is_over(h) && h->run != NULL)
			more = h->next(h);
		pyb_context_leave(context);
	}
	Py_XDECREF(context);
	if (PyErr_Occurred()) {
		h->exc = PyErr_GetRaisedException();
		more = false;
	}
	return more && h->run != NULL && h->next != NULL;
}

static void
calls_make(struct pyb_hop *h)
{
	struct pyb_sync_probe probe;
	struct pyb_sync_stat *stat = h->run != NULL ? pyb_plain_stat(h->run) : NULL;
	bool more = true;

	if (stat != NULL)
		pyb_sync_mode_begin(&probe, true);
	for (bool first = true; more; first = false)
		more = call_one(h, first);
	if (stat != NULL)
		pyb_sync_mode_end(stat, &probe, true);
}

static void
hop_work(struct pyb_job *job)
{
	struct pyb_hop *h = container_of(job, struct pyb_hop, job);
	PyObject *before = NULL;

	if (h->scope != NULL && h->scope != Py_None && (before = scope_swap(h, h->scope)) == NULL) {
		h->exc = PyErr_GetRaisedException();
		return;
	}
	calls_make(h);
	if (before != NULL)
		Py_SETREF(before, scope_swap(h, before));
	if (PyErr_Occurred())
		PyErr_WriteUnraisable(h->callable);
	Py_XDECREF(before);
}

/* The exception as a future can carry it: not StopIteration (PEP 479), for which anyio
 * raises the same RuntimeError. New reference; without memory it is another exception. */
static PyObject *
deliverable(PyObject *exc)
{
	PyObject *wrapped;

	if (!PyErr_GivenExceptionMatches(exc, PyExc_StopIteration))
		return Py_NewRef(exc);
	wrapped = PyObject_CallFunction(PyExc_RuntimeError, "s",
	    "coroutine raised StopIteration");
	if (wrapped == NULL)
		return PyErr_GetRaisedException();
	PyException_SetCause(wrapped, Py_NewRef(exc));
	return wrapped;
}

static void
hop_done(struct pyb_job *job)
{
	struct pyb_hop *h = container_of(job, struct pyb_hop, job);
	PyObject *exc;
	int rc;

	if (h->run != NULL)
		pyb_hop_leave(h->run);
	if (h->exc == NULL) {
		rc = pyb_future_resolve(h->st, h->future, h->st->n_set_result,
		    h->value != NULL ? h->value : Py_None);
	} else {
		exc = deliverable(h->exc);
		rc = pyb_future_resolve(h->st, h->future, h->st->n_set_exception, exc);
		Py_DECREF(exc);
	}
	if (rc < 0)
		PyErr_WriteUnraisable(h->callable);
	hop_free(h);
}

/* The loop is closed: nobody waits any more. */
static void
hop_dropped(struct pyb_job *job)
{
	struct pyb_hop *h = container_of(job, struct pyb_hop, job);

	if (h->run != NULL)
		pyb_hop_leave(h->run);
	hop_free(h);
}

/* May the current task be within a cancel scope of anyio's, or come into one while it waits?
 * Middleware around a plan may have opened one, and so may a dependency with `yield` that
 * is entered. */
static bool
may_be_scoped(const struct pyb_run *r)
{
	return r->scoped || PyDict_GET_SIZE(r->app->st->cancel_scopes) > 0;
}

/* What the functions need beside their arguments. 0, or -1 with an exception set. */
static int
hop_fill(struct pyb_hop *h, struct pyb_run *r, PyObject *loop)
{
	PyObject *scopes;

	if ((h->context = PyObject_CallNoArgs(h->st->pool_context)) == NULL ||
	    (h->future = PyObject_CallMethodNoArgs(loop, h->st->n_create_future)) == NULL)
		return -1;
	if (!may_be_scoped(r))
		return 0;
	scopes = PyObject_CallNoArgs(h->st->thread_scopes);
	if (scopes == NULL)
		return -1;
	must(PyTuple_CheckExact(scopes) && PyTuple_GET_SIZE(scopes) == 2);
	h->shield = Py_NewRef(PyTuple_GET_ITEM(scopes, 0));
	h->scope = Py_NewRef(PyTuple_GET_ITEM(scopes, 1));
	Py_DECREF(scopes);
	return 0;
}

static struct pyb_hop *
hop_new(struct pyb_run *r, const struct pyb_hop_first *first)
{
	struct pyb_hop *h = PyMem_Calloc(1, sizeof(*h));

	if (h == NULL) {
		PyErr_NoMemory();
		return NULL;
	}
	h->job.work = hop_work;
	h->job.done = hop_done;
	h->job.dropped = hop_dropped;
	h->job.beyond = first->exit;
	h->st = r->app->st;
	h->binding = (struct pyb_binding *)Py_NewRef((PyObject *)r->binding);
	h->callable = Py_NewRef(first->callable);
	h->args = Py_NewRef(first->args);
	h->named = Py_XNewRef(first->named);
	h->step = first->step;
	h->took = first->took;
	h->next = first->next;
	return h;
}

PyObject *
pyb_hop_begin(struct pyb_run *r, const struct pyb_hop_first *first)
{
	struct pyb_loop_local *local = pyb_run_local(r);
	PyObject *awaited = NULL;
	struct pyb_pool *pool = local != NULL ? pyb_local_pool(local) : NULL;
	struct pyb_hop *h = pool != NULL ? hop_new(r, first) : NULL;

	must(r->hop == NULL);
	if (h != NULL && hop_fill(h, r, local->loop) == 0) {
		awaited = h->shield != NULL ? PyObject_CallFunctionObjArgs(h->st->shielded,
		    h->future, h->shield, NULL) : Py_NewRef(h->future);
	}
	if (awaited != NULL) {
		h->run = r;
		r->hop = h;
		pyb_pool_submit(pool, &h->job);
	} else if (h != NULL) {
		hop_free(h);
	}
	return awaited;
}

PyObject *
pyb_hop_checkpoint(struct pyb_run *r)
{
	struct pyb_module_state *st = r->app->st;

	return PyDict_GET_SIZE(st->cancel_scopes) > 0 ?
	    PyObject_CallNoArgs(st->checkpoint_if_cancelled) : NULL;
}

void
pyb_hop_leave(struct pyb_run *r)
{
	if (r->hop != NULL)
		r->hop->run = NULL;
	r->hop = NULL;
}
