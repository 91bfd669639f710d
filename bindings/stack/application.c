/*
 * application: the task of what a dispatch layer wraps.
 *
 * Called by call_next.c. It stands for coro() inside Starlette's call_next(): what the
 * application raises is kept for the layer, and its end closes the stream. The task begins
 * at once, in a copy of the caller's context.
 */
#include "bindings/stack/application.h"

#include "bindings/compat.h"
#include "bindings/coro.h"
#include "bindings/loop/subtask.h"
#include "bindings/stack/receive.h"
#include "bindings/stack/sink.h"

struct application {
	struct pyb_passage *p;		/* strong */
	PyObject *sink;
	PyObject *task;			/* borrowed: it has the coroutine. NULL in its first step */
	bool begun;
};

/* Another call of call_next(): the answer of the first one is no longer special. */
static int
unfold(struct pyb_passage *p)
{
	PyObject *waiter, *answer = p->answer;
	int rc = 0;

	if (answer == NULL)
		return 0;
	p->answer = NULL;
	if (!p->begun) {
		waiter = pyb_passage_future(p);
		rc = waiter != NULL ? pyb_passage_offer(p, pyb_sink_body(answer), waiter) : -1;
		Py_XDECREF(waiter);
	}
	Py_DECREF(answer);
	return rc;
}

/* A plan has put its answer into the sink, and call_next() waits for it. */
static int
answered(struct pyb_passage *p, PyObject *sink)
{
	int given;

	Py_XSETREF(p->answer, Py_NewRef(sink));
	p->answered = 1;
	given = pyb_passage_give(p, pyb_sink_start(sink));
	if (given == 0)
		Py_XSETREF(p->inbox, Py_NewRef(pyb_sink_start(sink)));
	return given < 0 ? -1 : 0;
}

/* Take out what stands at `i`. Where there is no memory for that, it stays. */
static void
tasks_remove(PyObject *tasks, Py_ssize_t i)
{
	PyObject *pending = PyErr_GetRaisedException();

	if (PyList_SetSlice(tasks, i, i + 1, NULL) < 0)
		PyErr_Clear();
	if (pending != NULL)
		PyErr_SetRaisedException(pending);
}

/* Where is the task, or the None that keeps its place? -1: nowhere. */
static Py_ssize_t
tasks_find(PyObject *tasks, PyObject *task)
{
	Py_ssize_t i = tasks != NULL ? PyList_GET_SIZE(tasks) : 0;

	while (i-- > 0 && PyList_GET_ITEM(tasks, i) != task)
		;
	return i;
}

/* Take the application's task out of those that run; in its first step it is not there yet. */
static void
task_forget(struct application *a)
{
	Py_ssize_t i = a->task != NULL ? tasks_find(a->p->tasks, a->task) : -1;

	if (i >= 0)
		tasks_remove(a->p->tasks, i);
}

/* Wake who waits for all applications to end, also with an exception pending. 0, or -1 with one
 * set. */
static int
joiner_wake(struct pyb_passage *p)
{
	PyObject *joiner = p->live == 0 && p->joiner != NULL ? Py_NewRef(p->joiner) : NULL;
	PyObject *failed = PyErr_GetRaisedException();

	if (joiner != NULL && joiner != Py_None && pyb_passage_wake(p, joiner) < 0)
		Py_XSETREF(failed, PyErr_GetRaisedException());
	Py_XDECREF(joiner);
	if (failed != NULL)
		PyErr_SetRaisedException(failed);
	return failed != NULL ? -1 : 0;
}

/* An application was cancelled, but not by the layer: its group cancels the host, too. */
static int
revoke_later(struct pyb_passage *p)
{
	struct pyb_module_state *st = p->layer->st;
	PyObject *revoke = PyObject_GetAttr(p->layer->ends, st->n_revoke), *handle = NULL;

	if (revoke != NULL)
		handle = PyObject_CallMethodObjArgs(p->loop, st->n_call_soon, revoke,
		    (PyObject *)p, NULL);
	Py_XDECREF(revoke);
	Py_XDECREF(handle);
	return handle == NULL ? -1 : 0;
}

/* Whoever waits for the application is told, whatever fails. */
static int
ended(struct application *a, bool revoke)
{
	struct pyb_passage *p = a->p;
	int rc;

	if (pyb_passage_scope(p, p->layer->st->n_end_task) < 0)
		PyErr_WriteUnraisable((PyObject *)p);
	p->live--;
	task_forget(a);
	rc = pyb_sink_start(a->sink) != NULL && p->answer == NULL ? answered(p, a->sink) :
	    pyb_passage_close(p);
	if (rc == 0 && revoke && !p->aborting)
		(void)revoke_later(p);
	return joiner_wake(p);
}

/* Keep the exception `exc` that the application has raised. 1: it also goes on; 0; -1 with an
 * exception set. */
static int
raised(struct pyb_module_state *st, struct pyb_passage *p, PyObject *exc, bool *revoke)
{
	if (PyObject_TypeCheck(exc, (PyTypeObject *)PyExc_Exception)) {
		Py_XSETREF(p->app_exc, Py_NewRef(exc));
		return 0;
	}
	*revoke = PyObject_TypeCheck(exc, (PyTypeObject *)st->cancelled_error);
	if (*revoke || PyObject_TypeCheck(exc, (PyTypeObject *)PyExc_KeyboardInterrupt) ||
	    PyObject_TypeCheck(exc, (PyTypeObject *)PyExc_SystemExit))
		return 1;
	*revoke = true;
	return pyb_passage_add(&p->fatal, exc);
}

static enum pyb_coro_verdict
finish(struct application *a, PyObject *exc, PyObject **out)
{
	bool revoke = false;
	int on = exc != NULL ? raised(a->p->layer->st, a->p, exc, &revoke) : 0;
	PyObject *failed = on < 0 ? PyErr_GetRaisedException() : NULL;

	if (ended(a, revoke) < 0)
		Py_XSETREF(failed, PyErr_GetRaisedException());
	else if (on > 0)
		failed = Py_NewRef(exc);
	if (failed != NULL) {
		PyErr_SetRaisedException(failed);
		return PYB_CORO_ERROR;
	}
	*out = Py_NewRef(Py_None);
	return PYB_CORO_RETURN;
}

static enum pyb_coro_verdict
application_step(void *arg, PyObject *value, PyObject **out)
{
	struct application *a = arg;
	struct pyb_passage *p = a->p;
	PyObject *args[3] = { p->scope, NULL, a->sink }, *exc;
	enum pyb_coro_verdict verdict;
	bool first = !a->begun;

	if (value != NULL && !first)
		return finish(a, NULL, out);
	if (first) {
		a->begun = true;
		p->live++;	/* not before: a task that could not be made never ends */
	}
	if (value != NULL && pyb_passage_scope(p, p->layer->st->n_begin_task) == 0) {
		args[1] = pyb_receive_function(p);
		if (args[1] != NULL)
			*out = PyObject_Vectorcall(p->app, args, 3, NULL);
		Py_XDECREF(args[1]);
		if (*out != NULL)
			return PYB_CORO_AWAIT;
	}
	exc = PyErr_GetRaisedException();
	verdict = finish(a, exc, out);
	Py_DECREF(exc);
	return verdict;
}

static void
application_release(void *arg)
{
	struct application *a = arg;

	Py_CLEAR(a->sink);
	Py_CLEAR(a->p);
	PyMem_Free(a);
}

static int
application_traverse(void *own, visitproc visit, void *arg)
{
	struct application *a = own;

	Py_VISIT(a->sink);
	return visit((PyObject *)a->p, arg);
}

/* Begin the coroutine's task. It stands in p->tasks, where None has kept its place, when it
 * waits. 0, or -1 with an exception set. */
static int
task_begin(struct application *a, PyObject *coro)
{
	struct pyb_passage *p = a->p;
	struct pyb_dispatch *d = (struct pyb_dispatch *)Py_NewRef((PyObject *)p->layer);
	PyObject *context = PyContext_CopyCurrent(), *task = NULL;
	Py_ssize_t place;

	if (context != NULL)
		task = pyb_subtask_begin(d->st, p->loop, &d->late, coro, context,
		    d->st->t_application_task);
	place = tasks_find(p->tasks, Py_None);
	if (task == NULL || pyb_coro_is_finished(coro)) {
		tasks_remove(p->tasks, place);
	} else {
		a->task = task;
		PyList_SetItem(p->tasks, place, Py_NewRef(task));
	}
	Py_XDECREF(context);
	Py_XDECREF(task);
	Py_DECREF((PyObject *)d);
	return task != NULL ? 0 : -1;
}

/* Start the task. 0, or -1 with an exception set. */
static int
task_start(struct pyb_passage *p, PyObject *sink)
{
	static const struct pyb_coro_class class = {
		"application", application_step, application_release, application_traverse
	};
	struct application *a = PyMem_Calloc(1, sizeof(*a));
	PyObject *coro;
	int rc;

	if (a == NULL) {
		PyErr_NoMemory();
		return -1;
	}
	a->p = (struct pyb_passage *)Py_NewRef((PyObject *)p);
	a->sink = Py_NewRef(sink);
	coro = pyb_coro_new(p->layer->st, &class, a);
	if (coro == NULL)
		return -1;
	rc = pyb_passage_add(&p->tasks, Py_None);
	if (rc == 0)
		rc = task_begin(a, coro);
	Py_DECREF(coro);
	return rc;
}

PyObject *
pyb_application_begin(struct pyb_passage *p)
{
	PyObject *sink;
	bool alone;
	int rc;

	if (unfold(p) < 0)
		return NULL;
	alone = (p->senders == NULL || PyList_GET_SIZE(p->senders) == 0) &&
	    (p->receivers == NULL || PyList_GET_SIZE(p->receivers) == 0) &&
	    (p->parked != NULL ? PyList_GET_SIZE(p->parked) : 0) == p->live;
	p->exact = !alone;
	p->hungry = alone && p->open && !p->sent;
	Py_CLEAR(p->inbox);
	/* A layer between this one and the plan has something to do after the answer. */
	sink = pyb_sink_new(p, p->hungry && Py_TYPE(p->app) == p->layer->st->within_type);
	if (sink == NULL)
		return NULL;
	p->eager = 1;
	rc = task_start(p, sink);
	p->eager = p->hungry = 0;
	if (rc < 0)
		Py_CLEAR(sink);
	return sink;
}
