/*
 * give: Starlette's send(), send_text(), send_bytes() and send_json().
 *
 * Called by methods.c, whose coroutines step here. What is to go out is looked at in the first step;
 * then it waits as in send.c, and becomes a frame without a message around it.
 */
#include "bindings/compat.h"
#include "bindings/websocket/internal.h"
#include "bindings/websocket/methods.h"

enum { DUMPS_KEYWORDS = 2, CODE_LOST = 1006 };

/* The data as Starlette writes it in JSON. NULL with an exception set. */
static PyObject *
written(struct pyb_methods *m, PyObject *data)
{
	struct pyb_module_state *st = m->st;
	PyObject *arguments[1 + DUMPS_KEYWORDS] = { data, st->json_separators, Py_False };
	PyObject *dumps = pyb_method_json(m, st->n_dumps);
	PyObject *text = dumps != NULL ? PyObject_Vectorcall(dumps, arguments, 1, st->kw_dumps) : NULL;

	Py_XDECREF(dumps);
	return text;
}

/* Is it data for a message that carries data? */
static bool
is_plain(const struct pyb_method_call *call)
{
	struct pyb_module_state *st = call->m->st;
	PyObject *data = call->data, *type;
	bool is;

	if (call->method == PYB_METHOD_SEND_TEXT)
		return PyUnicode_CheckExact(data);
	if (call->method == PYB_METHOD_SEND_BYTES)
		return PyBytes_CheckExact(data);
	if (!PyDict_CheckExact(data))
		return false;
	type = PyDict_GetItemWithError(data, st->n_type);
	is = type != NULL && PyUnicode_CheckExact(type) && PyUnicode_Compare(type, st->t_websocket_send) == 0;
	PyErr_Clear();
	return is;
}

/* The first step. 1; 0: Starlette is to do it; -1 with an exception set. */
static int
begin(struct pyb_method_call *call)
{
	struct pyb_websocket *w = pyb_method_usable(call);

	if (w != NULL && call->method == PYB_METHOD_SEND_JSON) {
		PyObject *text = written(call->m, call->data);

		Py_DECREF(w);
		if (text == NULL)
			return -1;
		Py_SETREF(call->data, text);
		call->method = PYB_METHOD_SEND_TEXT;
		w = pyb_method_usable(call);
	}
	if (w == NULL || w->state != PYB_WEBSOCKET_OPEN || !is_plain(call)) {
		Py_XDECREF(w);
		return 0;
	}
	call->w = w;
	return 1;
}

/* 0, or -1 with an exception set. */
static int
put(struct pyb_method_call *call)
{
	struct pyb_websocket *w = call->w;

	if (w->state != PYB_WEBSOCKET_OPEN || call->method == PYB_METHOD_SEND)
		return pyb_send_typed(w, w->app->st->t_websocket_send, call->data);
	return pyb_send_data(w, call->method == PYB_METHOD_SEND_TEXT ? HX_TEXT : HX_BINARY, call->data);
}

/* The server's send() has raised what is set. To Starlette an OSError means that the client is gone. */
static enum pyb_coro_verdict
failed(struct pyb_method_call *call)
{
	struct pyb_methods *m = call->m;
	PyObject *code, *names, *exc, *gone = NULL;

	if (!PyErr_ExceptionMatches(PyExc_OSError))
		return PYB_CORO_ERROR;
	exc = PyErr_GetRaisedException();
	code = PyLong_FromLong(CODE_LOST);
	names = PyTuple_Pack(1, m->st->n_code);
	if (code != NULL && names != NULL &&
	    PyObject_SetAttr(call->socket, m->st->n_application_state, m->disconnected) == 0)
		gone = PyObject_Vectorcall(m->disconnect, &code, 0, names);
	Py_XDECREF(names);
	Py_XDECREF(code);
	if (gone == NULL) {
		Py_DECREF(exc);
		return PYB_CORO_ERROR;
	}
	PyException_SetContext(gone, exc);
	PyErr_SetRaisedException(gone);
	return PYB_CORO_ERROR;
}

enum pyb_coro_verdict
pyb_give_step(void *arg, PyObject *value, PyObject **out)
{
	struct pyb_method_call *call = arg;
	struct pyb_websocket *w;
	int begun;

	if (call->handed_on)
		return pyb_method_handed_on(value, out);
	if (value == NULL)
		return call->w != NULL ? failed(call) : PYB_CORO_ERROR;
	begun = call->w != NULL ? 1 : begin(call);
	if (begun <= 0)
		return begun < 0 ? PYB_CORO_ERROR : pyb_method_hand_on(call, out);
	w = call->w;
	if (w->x != NULL && w->x->calls->full(w->x)) {
		*out = pyb_waiters_wait(w->app->st, &w->senders);
		return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
	}
	if (put(call) < 0)
		return failed(call);
	call->m->done++;
	*out = Py_NewRef(Py_None);
	return PYB_CORO_RETURN;
}
