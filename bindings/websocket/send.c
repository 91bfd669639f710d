/*
 * send: the application answers a handshake, sends messages, and closes.
 *
 * Called by websocket.c, whose method it is, by answer.c, broadcast.c, give.c and method.c. Each call of
 * send() makes a coroutine that follows uvicorn's WebSocketsSansIOProtocol.send: the same order of checks
 * and the same exceptions with the same texts. It waits before it writes while the connection is
 * full. answer.c answers the handshake.
 */
#include "bindings/asgi/asgi.h"
#include "bindings/coro.h"
#include "bindings/piece.h"
#include "bindings/text.h"
#include "bindings/websocket/internal.h"

/* message[key], new reference; None for a key that is absent. NULL with an exception set. */
PyObject *
pyb_websocket_get_or_none(PyObject *message, PyObject *key)
{
	PyObject *value = pyb_asgi_get(message, key);

	return value == NULL && !PyErr_Occurred() ? Py_NewRef(Py_None) : value;
}

int
pyb_websocket_disconnected(struct pyb_websocket *w)
{
	PyErr_SetNone(w->app->st->client_disconnected);
	return -1;
}

/* Its end as the application has made it: later sends are mistakes. */
void
pyb_websocket_close_here(struct pyb_websocket *w, unsigned code, const char *reason, size_t len)
{
	w->state = PYB_WEBSOCKET_CLOSED;
	pyb_receive_end(w, code, reason, len);
	pyb_websocket_detach(w);
}

static bool
is(PyObject *type, PyObject *name)
{
	return PyUnicode_Check(type) && PyUnicode_Compare(type, name) == 0;
}

/* The first message: what becomes of the handshake. */
static int
connecting_send(struct pyb_websocket *w, PyObject *type, PyObject *message)
{
	struct pyb_module_state *st = w->app->st;

	if (is(type, st->t_websocket_accept))
		return pyb_websocket_accept(w, message);
	if (is(type, st->t_websocket_close))
		return pyb_websocket_deny(w);
	if (is(type, st->t_websocket_http_response_start))
		return pyb_websocket_deny_start(w, message);
	PyErr_Format(PyExc_RuntimeError, "Expected ASGI message 'websocket.accept', 'websocket.close' "
	    "or 'websocket.http.response.start' but got '%S'.", type);
	return -1;
}

/* The bytes of a message's text, or of its bytes: a new reference to their owner. NULL with an exception
 * set. May run user code. */
static PyObject *
payload_of(enum hx_opcode opcode, PyObject *data, struct slice *bytes)
{
	PyObject *owner;

	if (opcode == HX_TEXT ? !PyUnicode_Check(data) : !PyObject_CheckBuffer(data)) {
		PyErr_Format(PyExc_TypeError, "%s of websocket.send must be %s, not %.100s",
		    opcode == HX_TEXT ? "text" : "bytes", opcode == HX_TEXT ? "a str" : "bytes",
		    Py_TYPE(data)->tp_name);
		return NULL;
	}
	if (opcode == HX_TEXT && PyUnicode_IS_COMPACT_ASCII(data)) {
		*bytes = (struct slice){ PyUnicode_DATA(data), (size_t)PyUnicode_GET_LENGTH(data) };
		return Py_NewRef(data);
	}
	if (opcode == HX_TEXT)
		owner = PyUnicode_AsUTF8String(data);
	else
		owner = PyBytes_CheckExact(data) ? Py_NewRef(data) : PyBytes_FromObject(data);
	if (owner != NULL)
		*bytes = (struct slice){ PyBytes_AS_STRING(owner), (size_t)PyBytes_GET_SIZE(owner) };
	return owner;
}

int
pyb_send_data(struct pyb_websocket *w, enum hx_opcode opcode, PyObject *data)
{
	struct slice bytes;
	PyObject *owner = payload_of(opcode, data, &bytes);
	int rc = -1;

	if (owner == NULL)
		return -1;
	if (w->x != NULL)
		rc = w->x->websocket->send(w->x, opcode, pyb_piece_within(owner, bytes));
	Py_DECREF(owner);
	return rc < 0 ? pyb_websocket_disconnected(w) : 0;
}

/* websocket.send. 0, or -1 with an exception set. */
static int
send_data(struct pyb_websocket *w, PyObject *message)
{
	struct pyb_module_state *st = w->app->st;
	PyObject *bytes = pyb_websocket_get_or_none(message, st->n_bytes), *text = NULL;
	int rc = -1;

	if (bytes != NULL)
		text = pyb_websocket_get_or_none(message, st->n_text);
	if (text != NULL) {
		if (bytes != Py_None)
			rc = pyb_send_data(w, HX_BINARY, bytes);
		else
			rc = text != Py_None ? pyb_send_data(w, HX_TEXT, text) : 0;
	}
	Py_XDECREF(bytes);
	Py_XDECREF(text);
	return rc;
}

/* The code and the reason of websocket.close. 0, or -1 with an exception set. */
static int
closing_read(struct pyb_module_state *st, PyObject *message, struct hx_closing *closing)
{
	PyObject *code = pyb_websocket_get_or_none(message, st->n_code), *reason = NULL;
	long value = HX_CLOSE_NORMAL;
	struct slice text = SLICE_LIT("");
	int rc = -1;

	if (code != NULL)
		reason = pyb_websocket_get_or_none(message, st->n_reason);
	if (reason == NULL)
		goto done;
	if (reason != Py_None && !PyUnicode_Check(reason)) {
		PyErr_Format(PyExc_TypeError, "reason of websocket.close must be a str, not %.100s",
		    Py_TYPE(reason)->tp_name);
		goto done;
	}
	if (code != Py_None)
		value = PyLong_AsLong(code);
	if (PyErr_Occurred() || (reason != Py_None && pyb_text_slice(reason, &text) < 0))
		goto done;
	if (value < 0 || value > UINT16_MAX || !hx_frame_close_code_is_valid((unsigned)value)) {
		PyErr_SetString(PyExc_ValueError, "invalid close code");
		goto done;
	}
	if (text.len > sizeof(closing->reason) - 2) {
		PyErr_SetString(PyExc_ValueError, "close reason is longer than 123 bytes");
		goto done;
	}
	closing->code = (unsigned)value;
	closing->reason_len = text.len;
	memcpy(closing->reason, text.ptr, text.len);
	rc = 0;
done:
	Py_XDECREF(code);
	Py_XDECREF(reason);
	return rc;
}

/* websocket.close of one that is open. 0, or -1 with an exception set. */
static int
send_close(struct pyb_websocket *w, PyObject *message)
{
	struct hx_closing closing;

	if (closing_read(w->app->st, message, &closing) < 0)
		return -1;
	if (w->x == NULL)
		return 0;
	w->x->websocket->close(w->x, &closing);
	pyb_websocket_close_here(w, closing.code, closing.reason, closing.reason_len);
	return 0;
}

static int
open_send(struct pyb_websocket *w, PyObject *type, PyObject *message)
{
	struct pyb_module_state *st = w->app->st;

	if (is(type, st->t_websocket_send))
		return send_data(w, message);
	if (is(type, st->t_websocket_close))
		return send_close(w, message);
	PyErr_Format(PyExc_RuntimeError, "Expected ASGI message 'websocket.send' or "
	    "'websocket.close', but got '%S'.", type);
	return -1;
}

int
pyb_send_typed(struct pyb_websocket *w, PyObject *type, PyObject *message)
{
	struct pyb_module_state *st = w->app->st;

	switch (w->state) {
	case PYB_WEBSOCKET_CONNECTING:
		return connecting_send(w, type, message);
	case PYB_WEBSOCKET_OPEN:
		return open_send(w, type, message);
	case PYB_WEBSOCKET_DENYING:
		if (is(type, st->t_websocket_http_response_body))
			return pyb_websocket_deny_body(w, message);
		PyErr_Format(PyExc_RuntimeError, "Expected ASGI message "
		    "'websocket.http.response.body' but got '%S'.", type);
		return -1;
	case PYB_WEBSOCKET_GONE:
		/* Who closes then has not heard of it yet. */
		return is(type, st->t_websocket_close) ? 0 : pyb_websocket_disconnected(w);
	case PYB_WEBSOCKET_CLOSED:
		break;
	}
	PyErr_Format(PyExc_RuntimeError, "Unexpected ASGI message '%S', after sending "
	    "'websocket.close'.", type);
	return -1;
}

/* `arg` is the tuple (websocket, message). */
static enum pyb_coro_verdict
send_step(void *arg, PyObject *value, PyObject **out)
{
	struct pyb_websocket *w = (struct pyb_websocket *)PyTuple_GET_ITEM((PyObject *)arg, 0);
	PyObject *message = PyTuple_GET_ITEM((PyObject *)arg, 1), *type;
	int rc;

	if (value == NULL)
		return PYB_CORO_ERROR;
	if (w->x != NULL && w->x->calls->full(w->x)) {
		*out = pyb_waiters_wait(w->app->st, &w->senders);
		return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
	}
	type = PyObject_GetItem(message, w->app->st->n_type);
	rc = type != NULL ? pyb_send_typed(w, type, message) : -1;
	Py_XDECREF(type);
	if (rc < 0)
		return PYB_CORO_ERROR;
	*out = Py_NewRef(Py_None);
	return PYB_CORO_RETURN;
}

PyObject *
pyb_websocket_method_send(PyObject *self, PyObject *message)
{
	static const struct pyb_coro_class class = { "send", send_step, pyb_coro_release_object,
	    pyb_coro_traverse_object };
	PyObject *pair = PyTuple_Pack(2, self, message);

	return pair != NULL ?
	    pyb_coro_new_like(((struct pyb_websocket *)self)->app->st, &class, pair) : NULL;
}
