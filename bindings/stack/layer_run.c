/*
 * layer_run: the coroutine of one request in a dispatch layer.
 *
 * Called by dispatch.c. Order of events and exceptions are those of
 * BaseHTTPMiddleware.__call__ with its group of tasks. Where the host runs in a cancel scope of
 * anyio's, that of the group is there, too. Starlette's own runs where this cannot be it: under
 * another loop, or with a task factory.
 */
#include "bindings/stack/layer_run.h"

#include "bindings/compat.h"
#include "bindings/coro.h"
#include "bindings/loop/turn.h"
#include "bindings/stack/passage.h"
#include "bindings/stack/reply.h"
#include "bindings/stack/sink.h"
#include "bindings/truth.h"

enum phase {
	NEW,
	ORIGINAL,		/* Starlette's own answers the request */
	DISPATCH,		/* the user's coroutine runs */
	REPLY,			/* its response goes out by reply.c */
	RESPONSE,		/* its response sends itself */
	AFTER,			/* the applications go on after the answer */
	ENDING,			/* waits for dispatch_ends: join(), fail(), leave() */
};

/* One request. */
struct layer_run {
	struct pyb_dispatch *layer;	/* strong */
	PyObject *outer[3];		/* scope, receive, send */
	struct pyb_passage *p;		/* NULL until the request begins */
	struct pyb_reply reply;
	enum phase phase;
};

/* Does `task` run inside a cancel scope of anyio's? 1 or 0; -1 with an exception set. */
static int
is_scoped(struct pyb_module_state *st, PyObject *task)
{
	PyObject *key, *state, *scope;
	int is;

	if (PyDict_GET_SIZE(st->cancel_scopes) == 0)
		return 0;
	key = PyWeakref_NewRef(task, NULL);
	if (key == NULL)
		return -1;
	state = PyDict_GetItemWithError(st->cancel_scopes, key);
	Py_DECREF(key);
	if (state == NULL)
		return PyErr_Occurred() != NULL ? -1 : 0;
	scope = PyObject_GetAttr(state, st->n_cancel_scope);
	is = scope == NULL ? -1 : scope != Py_None;
	Py_XDECREF(scope);
	return is;
}

/* Is the attribute of `object` this very object? 1 or 0; -1 with an exception set. */
static int
is_attribute(PyObject *object, PyObject *name, PyObject *expected)
{
	PyObject *value = PyObject_GetAttr(object, name);
	int is = value == NULL ? -1 : value == expected;

	Py_XDECREF(value);
	return is;
}

/* Is it a request that C can do? `host` is the current task. */
static int
fits(struct layer_run *r, PyObject *loop, PyObject *host)
{
	struct pyb_dispatch *d = r->layer;
	PyObject *type;
	int is;

	if (!PyObject_TypeCheck(host, (PyTypeObject *)d->st->task_class))
		return 0;
	type = PyObject_GetItem(r->outer[0], d->st->n_type);
	if (type == NULL)
		return -1;
	is = pyb_sink_is_text(type, d->st->n_http);
	Py_DECREF(type);
	if (is > 0)
		is = is_attribute((PyObject *)Py_TYPE(d->layer), d->st->n___call__, d->original);
	if (is > 0)
		is = is_attribute(loop, d->st->n__task_factory, Py_None);
	return is;
}

static enum pyb_coro_verdict
original_begin(struct layer_run *r, PyObject **out)
{
	r->phase = ORIGINAL;
	*out = PyObject_Vectorcall(r->layer->layer, r->outer, 3, NULL);
	return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
}

/* Await dispatch_ends.<name>(passage[, arg]), with which the request ends. */
static enum pyb_coro_verdict
ending(struct layer_run *r, PyObject *name, PyObject *arg, PyObject **out)
{
	r->phase = ENDING;
	*out = PyObject_CallMethodObjArgs(r->layer->ends, name, (PyObject *)r->p, arg, NULL);
	return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
}

/* The exception that is set leaves the layer. */
static enum pyb_coro_verdict
fail(struct layer_run *r, PyObject **out)
{
	PyObject *exc = PyErr_GetRaisedException();
	enum pyb_coro_verdict verdict = ending(r, r->layer->st->n_fail, exc, out);

	Py_DECREF(exc);
	return verdict;
}

/* In a cancel scope of anyio's the host enters that of the group. 0, or -1 with an exception
 * set. */
static int
scope_enter(struct layer_run *r, PyObject *host)
{
	struct pyb_dispatch *d = r->layer;
	int is = is_scoped(d->st, host);

	if (is > 0)
		r->p->cancel_scope = PyObject_CallMethodNoArgs(d->ends, d->st->n_enter_scope);
	return is < 0 || (is > 0 && r->p->cancel_scope == NULL) ? -1 : 0;
}

static enum pyb_coro_verdict
dispatch_begin(struct layer_run *r, PyObject *loop, PyObject *host, PyObject **out)
{
	struct pyb_dispatch *d = r->layer;
	PyObject *request = PyObject_Vectorcall(d->request_class, r->outer, 3, NULL);
	PyObject *function, *args[2] = { request, NULL };

	if (request == NULL)
		return PYB_CORO_ERROR;
	r->p = pyb_passage_new(d, r->outer, request, loop, host);
	Py_DECREF(request);
	if (r->p == NULL || scope_enter(r, host) < 0)
		return PYB_CORO_ERROR;
	r->phase = DISPATCH;
	args[1] = (PyObject *)r->p;
	function = PyObject_GetAttr(d->layer, d->st->n_dispatch_func);
	if (function != NULL)
		*out = PyObject_Vectorcall(function, args, 2, NULL);
	Py_XDECREF(function);
	return *out != NULL ? PYB_CORO_AWAIT : fail(r, out);
}

static enum pyb_coro_verdict
begin(struct layer_run *r, PyObject **out)
{
	struct pyb_module_state *st = r->layer->st;
	PyObject *loop = PyObject_CallNoArgs(st->get_running_loop), *host = NULL;
	enum pyb_coro_verdict verdict = PYB_CORO_ERROR;
	int is = 0;

	if (loop == NULL)
		PyErr_Clear();
	else if (PyObject_TypeCheck(loop, st->loop_type))
		host = PyObject_CallOneArg(st->current_task, loop);
	else
		Py_CLEAR(loop);
	if (loop != NULL)
		is = host != NULL ? fits(r, loop, host) : -1;
	if (is == 0)
		verdict = original_begin(r, out);
	else if (is > 0)
		verdict = dispatch_begin(r, loop, host, out);
	Py_XDECREF(host);
	Py_XDECREF(loop);
	return verdict;
}

/* Nothing runs any more. */
static enum pyb_coro_verdict
end(struct layer_run *r, PyObject **out)
{
	struct pyb_passage *p = r->p;

	if (pyb_passage_scope(p, p->layer->st->n_leave_scope) < 0)
		return PYB_CORO_ERROR;
	pyb_passage_end(p);
	if (p->app_exc != NULL && !p->raised) {
		PyErr_SetRaisedException(Py_NewRef(p->app_exc));
		return PYB_CORO_ERROR;
	}
	*out = Py_NewRef(Py_None);
	return PYB_CORO_RETURN;
}

/* The layer is through: wait for the applications. */
static enum pyb_coro_verdict
applications_join(struct layer_run *r, PyObject **out)
{
	struct pyb_passage *p = r->p;
	int used = 0;

	if (p->live > 0 || p->fatal != NULL)
		return ending(r, r->layer->st->n_join, Py_None, out);
	if (p->answer != NULL)
		used = pyb_sink_left_open(p->answer);
	if (used < 0)
		return PYB_CORO_ERROR;
	return used > 0 ? ending(r, r->layer->st->n_leave, NULL, out) : end(r, out);
}

/* The answer has gone out. */
static enum pyb_coro_verdict
answer_sent(struct layer_run *r, PyObject **out)
{
	struct pyb_passage *p = r->p;
	struct pyb_module_state *st = r->layer->st;
	bool ready = r->phase == REPLY && !r->reply.streams;
	int is;

	r->phase = AFTER;
	if (pyb_passage_finish(p) < 0)
		return fail(r, out);
	is = pyb_truth_of(p->host, st->n__must_cancel);
	if (is == 0 && (p->parked == NULL || PyList_GET_SIZE(p->parked) == 0))
		return applications_join(r, out);
	if (is > 0)
		*out = PyObject_CallMethodObjArgs(r->layer->ends, st->n_be_cancelled,
		    (PyObject *)p, ready ? Py_True : Py_False, NULL);
	else if (is == 0 && pyb_passage_resume(p) == 0)
		*out = pyb_turn_new(p->layer->st);
	return *out != NULL ? PYB_CORO_AWAIT : fail(r, out);
}

static enum pyb_coro_verdict
reply_step(struct layer_run *r, PyObject *value, PyObject **out)
{
	switch (pyb_reply_step(&r->reply, r->p, value, out)) {
	case PYB_CORO_AWAIT:
		return PYB_CORO_AWAIT;
	case PYB_CORO_RETURN:
		Py_CLEAR(*out);
		return answer_sent(r, out);
	case PYB_CORO_ERROR:
		break;
	}
	return fail(r, out);
}

/* dispatch has returned. */
static enum pyb_coro_verdict
respond(struct layer_run *r, PyObject *response, PyObject **out)
{
	int own = pyb_reply_fits(&r->reply, r->p, response);
	PyObject *args[3] = { r->outer[0], NULL, r->outer[2] };

	if (own > 0) {
		r->phase = REPLY;
		return reply_step(r, Py_None, out);
	}
	r->phase = RESPONSE;
	if (own == 0)
		args[1] = PyObject_GetAttr(r->p->request, r->layer->st->n_wrapped_receive);
	if (args[1] != NULL)
		*out = PyObject_Vectorcall(response, args, 3, NULL);
	Py_XDECREF(args[1]);
	return *out != NULL ? PYB_CORO_AWAIT : fail(r, out);
}

static enum pyb_coro_verdict
layer_step(void *arg, PyObject *value, PyObject **out)
{
	struct layer_run *r = arg;

	if (value == NULL && (r->phase == NEW || r->phase == ORIGINAL || r->phase == ENDING))
		return PYB_CORO_ERROR;
	if (value == NULL && r->phase != REPLY)
		return fail(r, out);
	switch (r->phase) {
	case NEW:
		return begin(r, out);
	case DISPATCH:
		return respond(r, value, out);
	case REPLY:
		return reply_step(r, value, out);
	case RESPONSE:
		return answer_sent(r, out);
	case AFTER:
		return applications_join(r, out);
	case ENDING:
		return end(r, out);
	case ORIGINAL:
		break;
	}
	*out = Py_NewRef(Py_None);
	return PYB_CORO_RETURN;
}

static void
layer_release(void *arg)
{
	struct layer_run *r = arg;

	Py_CLEAR(r->reply.messages);
	Py_CLEAR(r->p);
	for (int i = 0; i < 3; i++)
		Py_CLEAR(r->outer[i]);
	Py_CLEAR(r->layer);
	PyMem_Free(r);
}

static int
layer_traverse(void *own, visitproc visit, void *arg)
{
	struct layer_run *r = own;

	Py_VISIT(r->reply.messages);
	Py_VISIT(r->p);
	for (int i = 0; i < 3; i++)
		if (visit(r->outer[i], arg) != 0)
			return 1;
	return visit((PyObject *)r->layer, arg);
}

PyObject *
pyb_layer_run_new(struct pyb_dispatch *d, PyObject *const outer[3])
{
	static const struct pyb_coro_class class = {
		"dispatch", layer_step, layer_release, layer_traverse
	};
	struct layer_run *r = PyMem_Calloc(1, sizeof(*r));

	if (r == NULL)
		return PyErr_NoMemory();
	r->layer = (struct pyb_dispatch *)Py_NewRef((PyObject *)d);
	for (int i = 0; i < 3; i++)
		r->outer[i] = Py_NewRef(outer[i]);
	return pyb_coro_new(d->st, &class, r);
}
