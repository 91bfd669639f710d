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
#include "bindings/stack/receive.h"
#include "bindings/stack/sink.h"
#include "bindings/stack/subtask.h"

struct application {
	struct pyb_passage *p;		/* strong */
	PyObject *sink;
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

/* Take the current task out of those that run. */
static int
task_forget(struct pyb_passage *p)
{
	PyObject *task, *tasks = p->tasks;

	if (tasks == NULL || PyList_GET_SIZE(tasks) == 0)
		return 0;
	task = PyObject_CallOneArg(p->layer->st->current_task, p->loop);
	for (Py_ssize_t i = 0; task != NULL && i < PyList_GET_SIZE(tasks); i++)
		if (PyList_GET_ITEM(tasks, i) == task && PyList_SetSlice(tasks, i, i + 1, NULL) < 0)
			Py_CLEAR(task);
	Py_XDECREF(task);
	return task == NULL ? -1 : 0;
}

/* Wake who waits for all applications to end. */
static int
joiner_wake(struct pyb_passage *p)
{
	PyObject *joiner = p->live == 0 && p->joiner != NULL ? Py_NewRef(p->joiner) : NULL;
	int rc = joiner != NULL && joiner != Py_None ? pyb_passage_wake(p, joiner) : 0;

	Py_XDECREF(joiner);
	return rc;
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

static int
ended(struct application *a, bool revoke)
{
	struct pyb_passage *p = a->p;

	p->live--;
	if (task_forget(p) < 0)
		return -1;
	if (pyb_sink_start(a->sink) != NULL && p->answer == NULL) {
		if (answered(p, a->sink) < 0)
			return -1;
	} else if (pyb_passage_close(p) < 0) {
		return -1;
	}
	if (revoke && !p->aborting && revoke_later(p) < 0)
		return -1;
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

	if (on < 0 || ended(a, revoke) < 0)
		return PYB_CORO_ERROR;
	if (on > 0) {
		PyErr_SetRaisedException(Py_NewRef(exc));
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
	if (value != NULL) {
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

/* Start the task. 0, or -1 with an exception set. */
static int
task_start(struct pyb_passage *p, PyObject *sink)
{
	static const struct pyb_coro_class class = {
		"application", application_step, application_release, application_traverse
	};
	struct pyb_module_state *st = p->layer->st;
	struct application *a = PyMem_Calloc(1, sizeof(*a));
	PyObject *coro, *context, *task = NULL;
	int rc;

	if (a == NULL) {
		PyErr_NoMemory();
		return -1;
	}
	a->p = (struct pyb_passage *)Py_NewRef((PyObject *)p);
	a->sink = Py_NewRef(sink);
	coro = pyb_coro_new(st, &class, a);
	context = coro != NULL ? PyContext_CopyCurrent() : NULL;
	if (context != NULL)
		task = pyb_subtask_begin(st, p->loop, coro, context, st->t_application_task);
	rc = task == NULL || (!pyb_coro_is_finished(coro) &&
	    pyb_passage_add(&p->tasks, task) < 0) ? -1 : 0;
	Py_XDECREF(task);
	Py_XDECREF(context);
	Py_XDECREF(coro);
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
