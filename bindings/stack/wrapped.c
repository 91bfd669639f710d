/*
 * wrapped: wrapped_receive() of Starlette's _CachedRequest, while nobody but the application
 * has read of the content.
 *
 * Called by receive.c. The original makes a generator for each message, Request.stream(), and
 * takes one piece of it. A Request whose content was read, or whose methods are not
 * Starlette's, does so here, too.
 */
#include "bindings/stack/wrapped.h"

#include <stdbool.h>

#include "bindings/coro.h"
#include "bindings/plan/messages.h"
#include "bindings/stack/message.h"
#include "bindings/truth.h"

struct wrapped {
	struct pyb_dispatch *d;		/* strong */
	PyObject *request;		/* strong */
	bool begun;
};

/* Has nobody read of the Request's content, and is its stream() that of its class? 1 or 0; -1
 * with an exception set. */
static int
is_untouched(struct pyb_dispatch *d, PyObject *request)
{
	struct pyb_module_state *st = d->st;
	PyObject *const names[] = {
		st->n__wrapped_rcv_disconnected, st->n__wrapped_rcv_consumed, st->n__stream_consumed
	};
	PyObject *own = PyObject_GetAttr(request, st->n___dict__);
	int no = own == NULL ? -1 : PyDict_Contains(own, st->n_stream);

	if (no == 0)
		no = PyDict_Contains(own, st->n__body);
	for (size_t i = 0; no == 0 && i < sizeof(names) / sizeof(names[0]); i++)
		no = pyb_truth_of(request, names[i]);
	Py_XDECREF(own);
	return no < 0 ? -1 : !no;
}

PyObject *
pyb_wrapped_disconnect(struct pyb_module_state *st)
{
	PyObject *message = PyDict_New();

	if (message != NULL && PyDict_SetItem(message, st->n_type, st->t_http_disconnect) < 0)
		Py_CLEAR(message);
	return message;
}

/* The application is told, and will be told again, that the client has left. */
static enum pyb_coro_verdict
disconnected(struct wrapped *w, PyObject **out)
{
	struct pyb_module_state *st = w->d->st;

	if (PyObject_SetAttr(w->request, st->n__wrapped_rcv_disconnected, Py_True) < 0)
		return PYB_CORO_ERROR;
	*out = pyb_wrapped_disconnect(st);
	return *out != NULL ? PYB_CORO_RETURN : PYB_CORO_ERROR;
}

/* The message with a piece of the content (stolen), which may be the last. */
static enum pyb_coro_verdict
piece(struct wrapped *w, PyObject *content, PyObject **out)
{
	struct pyb_module_state *st = w->d->st;
	PyObject *consumed = PyObject_GetAttr(w->request, st->n__stream_consumed);
	int last = consumed != NULL ? PyObject_IsTrue(consumed) : -1;

	*out = NULL;
	if (last >= 0 &&
	    PyObject_SetAttr(w->request, st->n__wrapped_rcv_consumed, consumed) == 0)
		*out = pyb_messages_new(st, st->t_http_request, st->n_body, Py_NewRef(content),
		    st->n_more_body, Py_NewRef(last ? Py_False : Py_True));
	Py_XDECREF(consumed);
	Py_DECREF(content);
	return *out != NULL ? PYB_CORO_RETURN : PYB_CORO_ERROR;
}

/* Wait for another message, unless somebody else has read the last one meanwhile. */
static enum pyb_coro_verdict
more(struct wrapped *w, PyObject **out)
{
	struct pyb_module_state *st = w->d->st;
	int last = pyb_truth_of(w->request, st->n__stream_consumed);
	PyObject *receive;

	if (last < 0)
		return PYB_CORO_ERROR;
	if (last) {
		PyObject *empty = PyBytes_FromStringAndSize(NULL, 0);

		return empty != NULL ? piece(w, empty, out) : PYB_CORO_ERROR;
	}
	receive = PyObject_GetAttr(w->request, st->n__receive);
	if (receive != NULL)
		*out = PyObject_CallNoArgs(receive);
	Py_XDECREF(receive);
	return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
}

/* Content (stolen) has come, which may be empty. */
static enum pyb_coro_verdict
content(struct wrapped *w, PyObject *body, bool last, PyObject **out)
{
	int full = -1;

	if (!last || PyObject_SetAttr(w->request, w->d->st->n__stream_consumed, Py_True) == 0)
		full = PyObject_IsTrue(body);
	if (full > 0)
		return piece(w, body, out);
	Py_DECREF(body);
	return full < 0 ? PYB_CORO_ERROR : more(w, out);
}

/* A message has come. */
static enum pyb_coro_verdict
received(struct wrapped *w, PyObject *message, PyObject **out)
{
	struct pyb_module_state *st = w->d->st;
	PyObject *body;
	enum pyb_message is = pyb_message_read(st, message, &body);

	switch (is) {
	case PYB_MESSAGE_LAST:
	case PYB_MESSAGE_MORE:
		return content(w, body, is == PYB_MESSAGE_LAST, out);
	case PYB_MESSAGE_LEFT:
		if (PyObject_SetAttr(w->request, st->n__is_disconnected, Py_True) < 0)
			return PYB_CORO_ERROR;
		return disconnected(w, out);
	case PYB_MESSAGE_OTHER:
		return more(w, out);
	case PYB_MESSAGE_FAILED:
		break;
	}
	return PYB_CORO_ERROR;
}

static enum pyb_coro_verdict
wrapped_step(void *arg, PyObject *value, PyObject **out)
{
	struct wrapped *w = arg;

	*out = NULL;
	if (value == NULL) {
		if (!w->begun || !PyErr_ExceptionMatches(w->d->st->client_disconnect))
			return PYB_CORO_ERROR;
		PyErr_Clear();
		return disconnected(w, out);
	}
	if (w->begun)
		return received(w, value, out);
	w->begun = true;
	return more(w, out);
}

static void
wrapped_release(void *arg)
{
	struct wrapped *w = arg;

	Py_DECREF((PyObject *)w->d);
	Py_DECREF(w->request);
	PyMem_Free(w);
}

static int
wrapped_traverse(void *own, visitproc visit, void *arg)
{
	struct wrapped *w = own;

	Py_VISIT(w->request);
	return visit((PyObject *)w->d, arg);
}

PyObject *
pyb_wrapped_receive(struct pyb_dispatch *d, PyObject *request)
{
	static const struct pyb_coro_class class = {
		"wrapped_receive", wrapped_step, wrapped_release, wrapped_traverse
	};
	PyObject *stream = PyObject_GetAttr(d->request_class, d->st->n_stream), *method, *coroutine;
	int is = stream != NULL ? stream == d->stream : -1;
	struct wrapped *w;

	Py_XDECREF(stream);
	/* That of the class: Starlette takes it before dispatch has the Request. */
	method = is < 0 ? NULL : PyObject_GetAttr(d->request_class, d->st->n_wrapped_receive);
	if (method == NULL)
		return NULL;
	if (is > 0)
		is = method != d->wrapped_receive ? 0 : is_untouched(d, request);
	coroutine = is == 0 ? PyObject_CallOneArg(method, request) : NULL;
	Py_DECREF(method);
	if (is <= 0)
		return coroutine;
	w = PyMem_Malloc(sizeof(*w));
	if (w == NULL)
		return PyErr_NoMemory();
	*w = (struct wrapped){ .request = Py_NewRef(request) };
	w->d = (struct pyb_dispatch *)Py_NewRef((PyObject *)d);
	return pyb_coro_new(d->st, &class, w);
}
