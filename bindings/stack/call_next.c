/*
 * call_next: the coroutine of call_next(), and the stream that it reads.
 *
 * Called by passage.c, whose type it completes, and by reply.c, which reads the stream. The
 * coroutine begins the application (application.c), waits for the start of its answer and makes the
 * response of it. Its order of events is that of call_next() and recv_stream.receive() in
 * Starlette.
 */
#include "bindings/stack/call_next.h"

#include "base/must.h"
#include "bindings/compat.h"
#include "bindings/coro.h"
#include "bindings/loop/turn.h"
#include "bindings/stack/application.h"
#include "bindings/stack/passage.h"
#include "bindings/stack/sink.h"

/* Waiting for a message. */
struct take {
	struct pyb_passage *p;		/* strong */
	PyObject *waiter;		/* NULL: waits for nothing yet */
	bool first;			/* the first one of an application */
	bool yielded;
};

/* One call of call_next(). */
struct call {
	struct pyb_passage *p;		/* strong */
	PyObject *sink;			/* what it began the application with */
	PyObject *info;			/* of http.response.debug, or NULL */
	enum { NEW, TURN, TAKE, HINT } phase;
};

static enum pyb_coro_verdict
raise_class(PyObject *class)
{
	PyErr_SetNone(class);
	return PYB_CORO_ERROR;
}

static enum pyb_coro_verdict
take_now(struct take *t, PyObject **out)
{
	struct pyb_passage *p = t->p;
	int taken;

	if (p->sent)
		return raise_class(p->layer->closed);
	taken = pyb_passage_take(p, out);
	if (taken != 0)
		return taken > 0 ? PYB_CORO_RETURN : PYB_CORO_ERROR;
	if (!p->open)
		return raise_class(p->layer->end_of_stream);
	t->waiter = pyb_passage_future(p);
	if (t->waiter == NULL || pyb_passage_add(&p->receivers, t->waiter) < 0)
		return PYB_CORO_ERROR;
	*out = Py_NewRef(t->waiter);
	return PYB_CORO_AWAIT;
}

static enum pyb_coro_verdict
take_step(void *arg, PyObject *value, PyObject **out)
{
	struct take *t = arg;

	if (value == NULL)
		return PYB_CORO_ERROR;
	if (t->waiter != NULL) {
		*out = Py_NewRef(value);
		return PYB_CORO_RETURN;
	}
	if (t->yielded || (t->first && !t->p->exact))
		return take_now(t, out);
	t->yielded = true;
	*out = pyb_turn_new(t->p->layer->st);
	return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
}

static void
take_release(void *arg)
{
	struct take *t = arg;

	if (t->waiter != NULL)
		pyb_passage_forget(t->p, t->waiter);
	Py_CLEAR(t->waiter);
	Py_CLEAR(t->p);
	PyMem_Free(t);
}

static int
take_traverse(void *own, visitproc visit, void *arg)
{
	struct take *t = own;

	Py_VISIT(t->waiter);
	return visit((PyObject *)t->p, arg);
}

static PyObject *
take_new(struct pyb_passage *p, bool first)
{
	static const struct pyb_coro_class class = {
		"message", take_step, take_release, take_traverse
	};
	struct take *t = PyMem_Calloc(1, sizeof(*t));

	if (t == NULL)
		return PyErr_NoMemory();
	t->p = (struct pyb_passage *)Py_NewRef((PyObject *)p);
	t->first = first;
	return pyb_coro_new(p->layer->st, &class, t);
}

PyObject *
pyb_call_next_take(PyObject *passage, PyObject *Py_UNUSED(ignored))
{
	return take_new((struct pyb_passage *)passage, false);
}

/* Starlette's _StreamingResponse with these values; the content is read by `chunks`. New
 * reference; NULL with an exception set. */
static PyObject *
response_new(struct call *c, PyObject *chunks, PyObject *status, PyObject *fields)
{
	struct pyb_module_state *st = c->p->layer->st;
	PyTypeObject *class = (PyTypeObject *)c->p->layer->response_class;
	PyObject *response = class->tp_alloc(class, 0);

	if (response != NULL &&
	    (PyObject_SetAttr(response, st->n_info, c->info != NULL ? c->info : Py_None) < 0 ||
	    PyObject_SetAttr(response, st->n_body_iterator, chunks) < 0 ||
	    PyObject_SetAttr(response, st->n_status_code, status) < 0 ||
	    PyObject_SetAttr(response, st->n_media_type, Py_None) < 0 ||
	    PyObject_SetAttr(response, st->n_raw_headers, fields) < 0 ||
	    PyObject_SetAttr(response, st->n_background, Py_None) < 0))
		Py_CLEAR(response);
	return response;
}

/* message["headers"], or a new list. New reference; NULL with an exception set. */
static PyObject *
fields_of(struct pyb_module_state *st, PyObject *message)
{
	PyObject *fields = PyObject_GetItem(message, st->n_headers);

	if (fields == NULL && PyErr_ExceptionMatches(PyExc_KeyError)) {
		PyErr_Clear();
		fields = PyList_New(0);
	}
	return fields;
}

/* http.response.start has come. */
static enum pyb_coro_verdict
answer(struct call *c, PyObject *message, PyObject **out)
{
	struct pyb_passage *p = c->p;
	struct pyb_module_state *st = p->layer->st;
	PyObject *status = PyObject_GetItem(message, st->n_status);
	PyObject *fields = status != NULL ? fields_of(st, message) : NULL;
	PyObject *chunks = fields != NULL ?
	    PyObject_CallOneArg(p->layer->body, (PyObject *)p) : NULL;

	if (chunks != NULL)
		*out = response_new(c, chunks, status, fields);
	Py_XDECREF(status);
	Py_XDECREF(fields);
	if (*out != NULL) {
		Py_XSETREF(p->chunks, chunks);
		Py_XSETREF(p->response, Py_NewRef(*out));
		return PYB_CORO_RETURN;
	}
	Py_XDECREF(chunks);
	return PYB_CORO_ERROR;
}

static enum pyb_coro_verdict
wait(struct call *c, bool first, PyObject **out)
{
	c->phase = TAKE;
	*out = take_new(c->p, first);
	return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
}

static enum pyb_coro_verdict
message_come(struct call *c, PyObject *message, PyObject **out)
{
	struct pyb_module_state *st = c->p->layer->st;
	PyObject *type = PyObject_GetItem(message, st->n_type);
	enum pyb_coro_verdict verdict = PYB_CORO_ERROR;

	if (type == NULL)
		return PYB_CORO_ERROR;
	if (pyb_sink_is_text(type, st->t_http_response_start)) {
		verdict = answer(c, message, out);
	} else if (pyb_sink_is_text(type, st->t_http_response_debug)) {
		Py_XSETREF(c->info, PyObject_GetItem(message, st->n_info));
		if (c->info != NULL)
			verdict = wait(c, false, out);
	} else if (pyb_sink_is_text(type, st->t_http_response_early_hint)) {
		c->phase = HINT;
		*out = PyObject_CallOneArg(c->p->send, message);
		if (*out != NULL)
			verdict = PYB_CORO_AWAIT;
	} else {
		PyErr_SetNone(PyExc_AssertionError);
	}
	Py_DECREF(type);
	return verdict;
}

/* The stream has ended, or waiting was cancelled. */
static enum pyb_coro_verdict
stream_raised(struct call *c)
{
	struct pyb_passage *p = c->p;
	PyObject *end, *never;

	if (!PyErr_ExceptionMatches(p->layer->end_of_stream))
		return PYB_CORO_ERROR;
	end = PyErr_GetRaisedException();
	p->raised = p->raised || p->app_exc != NULL;
	never = PyObject_CallMethodObjArgs(p->layer->ends, p->layer->st->n_surface,
	    p->app_exc != NULL ? p->app_exc : Py_None, end, NULL);
	Py_DECREF(end);
	Py_XDECREF(never);
	must(never == NULL);
	return PYB_CORO_ERROR;
}

/* The application has begun. */
static enum pyb_coro_verdict
begun(struct call *c, PyObject **out)
{
	enum pyb_coro_verdict verdict;
	PyObject *message = c->p->inbox;

	if (message == NULL)
		return wait(c, true, out);
	c->p->inbox = NULL;
	verdict = message_come(c, message, out);
	Py_DECREF(message);
	return verdict;
}

/* Begin the application. */
static enum pyb_coro_verdict
begin(struct call *c, PyObject **out)
{
	if (c->p->ended) {
		PyErr_SetString(PyExc_RuntimeError,
		    "This task group is not active; no new tasks can be started.");
		return PYB_CORO_ERROR;
	}
	c->sink = pyb_application_begin(c->p);
	return c->sink != NULL ? begun(c, out) : PYB_CORO_ERROR;
}

/* The caller is cancelled. In the turn in which it hears of that, the application has its first
 * step. */
static enum pyb_coro_verdict
begin_cancelled(struct call *c)
{
	struct pyb_passage *p = c->p;
	PyObject *cancelled;

	if (p->ended || !PyErr_ExceptionMatches(p->layer->st->cancelled_error))
		return PYB_CORO_ERROR;
	cancelled = PyErr_GetRaisedException();
	c->sink = pyb_application_begin(p);
	if (c->sink != NULL)
		PyErr_SetRaisedException(cancelled);
	else
		Py_DECREF(cancelled);
	return PYB_CORO_ERROR;
}

/* A caller that is cancelled already, itself or in a cancel scope, gets no answer: Starlette
 * takes a turn of the loop before it looks for one. */
static enum pyb_coro_verdict
called(struct call *c, PyObject **out)
{
	int cancelled = c->p->ended ? 0 : pyb_passage_is_cancelled(c->p);

	if (cancelled == 0)
		return begin(c, out);
	c->phase = TURN;
	if (cancelled > 0)
		*out = pyb_turn_new(c->p->layer->st);
	return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
}

static enum pyb_coro_verdict
call_step(void *arg, PyObject *value, PyObject **out)
{
	struct call *c = arg;

	switch (c->phase) {
	case NEW:
		return value == NULL ? PYB_CORO_ERROR : called(c, out);
	case TURN:
		return value == NULL ? begin_cancelled(c) : begin(c, out);
	case TAKE:
		return value == NULL ? stream_raised(c) : message_come(c, value, out);
	case HINT:
		break;
	}
	return value == NULL ? stream_raised(c) : wait(c, false, out);
}

static void
call_release(void *arg)
{
	struct call *c = arg;

	if (c->sink != NULL)
		pyb_sink_sate(c->sink);
	Py_CLEAR(c->sink);
	Py_CLEAR(c->info);
	Py_CLEAR(c->p);
	PyMem_Free(c);
}

static int
call_traverse(void *own, visitproc visit, void *arg)
{
	struct call *c = own;

	Py_VISIT(c->sink);
	Py_VISIT(c->info);
	return visit((PyObject *)c->p, arg);
}

/* Is it one argument, whether by position or as request=? Starlette ignores its value. */
static bool
is_request(struct pyb_module_state *st, size_t n, PyObject *names)
{
	size_t named = names != NULL ? (size_t)PyTuple_GET_SIZE(names) : 0;

	return n + named == 1 && (named == 0 ||
	    PyUnicode_Compare(PyTuple_GET_ITEM(names, 0), st->n_request) == 0);
}

PyObject *
pyb_call_next(PyObject *passage, PyObject *const *args, size_t nargsf, PyObject *names)
{
	static const struct pyb_coro_class class = {
		"call_next", call_step, call_release, call_traverse
	};
	struct pyb_passage *p = (struct pyb_passage *)passage;
	struct call *c;

	if (!is_request(p->layer->st, (size_t)PyVectorcall_NARGS(nargsf), names))
		return PyObject_Vectorcall(p->layer->likeness, args, nargsf, names);
	c = PyMem_Calloc(1, sizeof(*c));
	if (c == NULL)
		return PyErr_NoMemory();
	c->p = (struct pyb_passage *)Py_NewRef(passage);
	return pyb_coro_new(p->layer->st, &class, c);
}
