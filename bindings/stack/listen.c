/*
 * listen: receive() once, without waiting.
 *
 * Called by deliver.c. Requests of dispatch layers stand behind each other: each reads the one
 * around it, the outermost the server. What they do is Starlette's own; it is looked at before,
 * so that it is done only where it cannot wait.
 */
#include "bindings/stack/listen.h"

#include "bindings/asgi/asgi.h"
#include "bindings/awaitable.h"
#include "bindings/stack/passage.h"
#include "bindings/stack/receive.h"
#include "bindings/stack/sink.h"
#include "bindings/truth.h"

/* What the request of a layer does when it is asked to receive. */
enum source {
	OWN,		/* it has the content, or what stands for it */
	OUTER,		/* it asks what is around it */
	NEITHER,	/* it may wait */
	FAILED		/* an exception is set */
};

/* Is the attribute, which may be missing, there and not None? 1 or 0; -1 with an exception set. */
static int
has(PyObject *object, PyObject *name)
{
	PyObject *value = PyObject_GetAttr(object, name);
	int is = value != NULL ? value != Py_None : -1;

	if (value == NULL && PyErr_ExceptionMatches(PyExc_AttributeError)) {
		PyErr_Clear();
		is = 0;
	}
	Py_XDECREF(value);
	return is;
}

static enum source
source_of(struct pyb_module_state *st, const struct pyb_passage *p)
{
	PyObject *receive = PyObject_GetAttr(p->request, st->n__receive);
	int over = receive == NULL ? -1 : receive != p->receive, own = 0;

	Py_XDECREF(receive);
	if (p->sent || p->exact || p->answered)
		over = over < 0 ? over : 1;
	if (over == 0)
		over = pyb_truth_of(p->request, st->n__wrapped_rcv_disconnected);
	if (over == 0)
		over = pyb_truth_of(p->request, st->n__wrapped_rcv_consumed);
	if (over == 0)
		over = pyb_truth_of(p->request, st->n__is_disconnected);
	if (over == 0)
		own = has(p->request, st->n__body);
	if (over == 0 && own == 0)
		own = pyb_truth_of(p->request, st->n__stream_consumed);
	if (over < 0 || own < 0)
		return FAILED;
	return over > 0 ? NEITHER : own > 0 ? OWN : OUTER;
}

/* Is there a message for `receive` now, and would the next one be waited for where nobody sees
 * it? 1 or 0; -1 with an exception set. */
static int
is_ready(struct pyb_module_state *st, PyObject *receive)
{
	struct pyb_passage *p = pyb_receive_passage(receive);
	struct pyb_asgi *server;
	enum source source = OUTER;
	bool found = false;
	int cancelled = p != NULL ? pyb_passage_is_cancelled(p) : 1;

	if (cancelled != 0)
		return cancelled < 0 ? -1 : 0;
	for (; p != NULL; p = pyb_receive_passage(receive)) {
		source = source_of(st, p);
		if (source == NEITHER || source == FAILED)
			return source == FAILED ? -1 : 0;
		found = found || source == OWN;
		receive = p->receive;
	}
	server = pyb_asgi_of(st, receive);
	return server != NULL &&
	    (found ? pyb_asgi_has_client(server) : pyb_asgi_has_content(server));
}

/* The result of awaiting, if that does not wait. New reference; NULL: it would wait, and is
 * closed, or an exception is set. */
static PyObject *
await_now(PyObject *awaitable)
{
	PyObject *iterator = pyb_awaitable_iterator(awaitable), *value = NULL, *closed;
	PySendResult sent = PYGEN_ERROR;

	if (iterator != NULL)
		sent = PyIter_Send(iterator, Py_None, &value);
	if (sent == PYGEN_NEXT) {
		Py_CLEAR(value);
		closed = PyObject_CallMethod(iterator, "close", NULL);
		Py_XDECREF(closed);
	}
	Py_XDECREF(iterator);
	return value;
}

int
pyb_listen(struct pyb_module_state *st, PyObject *receive)
{
	int ready = is_ready(st, receive);
	PyObject *awaitable, *message = NULL, *type = NULL;

	awaitable = ready > 0 ? PyObject_CallNoArgs(receive) : NULL;
	if (awaitable != NULL)
		message = await_now(awaitable);
	if (message != NULL)
		type = PyObject_GetItem(message, st->n_type);
	if (type != NULL)
		ready = !pyb_sink_is_text(type, st->t_http_disconnect);
	else
		ready = PyErr_Occurred() ? -1 : 0;
	Py_XDECREF(awaitable);
	Py_XDECREF(message);
	Py_XDECREF(type);
	return ready;
}
