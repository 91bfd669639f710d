/*
 * broadcast: who of the receivers can get the message here, and now.
 *
 * Called by engine/ (the function), for python/fastrapi/broadcasting.py. A receiver is a send() of ours,
 * alone or inside what Starlette puts around it, or a WebSocket of Starlette's that sends by such a one.
 * Whoever is none of these, or is full, is left to the caller. No user code runs in between.
 */
#include "bindings/websocket/broadcast.h"

#include "bindings/websocket/internal.h"
#include "bindings/websocket/methods.h"

/* What Starlette's own things look like. Borrowed. */
struct looks {
	PyObject *class;		/* of WebSockets; None: there is none, or it was patched */
	PyObject *send, *send_some;	/* its functions send(), and send_text() or send_bytes() */
	PyObject *connected;		/* its state when it is accepted */
	PyObject *relay;		/* the code of a send() around another; or None */
	Py_ssize_t relayed;		/* the place of that one in its closure */
};

enum outcome { SENT, SKIPPED, FULL, FOREIGN, FAILED };

/* Is it a WebSocket that sends as Starlette's do? */
static bool
is_plain(struct pyb_module_state *st, const struct looks *l, PyObject *receiver, bool text)
{
	return l->class != Py_None && PyObject_TypeCheck(receiver, (PyTypeObject *)l->class) &&
	    pyb_method_is(receiver, st->n_send, l->send) &&
	    pyb_method_is(receiver, text ? st->n_send_text : st->n_send_bytes, l->send_some);
}

/* The send() of a receiver: *send, a new reference. FAILED with an exception set; SKIPPED: it is not
 * accepted, or closed. */
static enum outcome
send_of(struct pyb_module_state *st, const struct looks *l, PyObject *receiver, bool text,
    PyObject **send)
{
	PyObject *state;
	bool connected;

	*send = NULL;
	if (!is_plain(st, l, receiver, text)) {
		*send = Py_NewRef(receiver);
		return SENT;
	}
	state = PyObject_GetAttr(receiver, st->n_application_state);
	if (state == NULL)
		return FAILED;
	connected = state == l->connected;
	Py_DECREF(state);
	if (!connected)
		return SKIPPED;
	*send = PyObject_GetAttr(receiver, st->n__send);
	return *send != NULL ? SENT : FAILED;
}

static enum outcome
give(struct pyb_module_state *st, const struct looks *l, PyObject *receiver, struct hx_broadcast *b)
{
	struct pyb_websocket *w;
	PyObject *send;
	enum outcome outcome = send_of(st, l, receiver, b->opcode == HX_TEXT, &send);

	if (outcome != SENT)
		return outcome;
	w = pyb_method_server(send, pyb_websocket_method_send, l->relay, l->relayed);
	if (w == NULL)
		outcome = FOREIGN;
	else if (w->state != PYB_WEBSOCKET_OPEN || w->x == NULL)
		outcome = SKIPPED;
	else if (w->x->calls->full(w->x))
		outcome = FULL;
	else
		outcome = w->x->websocket->share(w->x, b) == 0 ? SENT : SKIPPED;
	Py_DECREF(send);
	return outcome;
}

/* Give it to all: how many have it, those who are full, the foreign ones. NULL with an exception set. */
static PyObject *
give_all(struct pyb_module_state *st, const struct looks *l, PyObject *receivers, struct hx_broadcast *b)
{
	PyObject *full = PyList_New(0), *foreign = full != NULL ? PyList_New(0) : NULL, *result = NULL;
	Py_ssize_t n = 0, i = 0;

	for (; foreign != NULL && i < PyTuple_GET_SIZE(receivers); i++) {
		PyObject *receiver = PyTuple_GET_ITEM(receivers, i);
		enum outcome outcome = give(st, l, receiver, b);

		if (outcome == FAILED ||
		    ((outcome == FULL || outcome == FOREIGN) &&
		    PyList_Append(outcome == FULL ? full : foreign, receiver) < 0))
			break;
		n += outcome == SENT;
	}
	if (foreign != NULL && i == PyTuple_GET_SIZE(receivers))
		result = Py_BuildValue("nOO", n, full, foreign);
	Py_XDECREF(full);
	Py_XDECREF(foreign);
	return result;
}

/* broadcast(receivers, payload, text, looks) */
static PyObject *
broadcast(PyObject *module, PyObject *args)
{
	struct pyb_module_state *st = PyModule_GetState(module);
	struct looks l;
	struct hx_broadcast b = { .made = NULL };
	PyObject *receivers, *payload, *result;
	int text;

	if (!PyArg_ParseTuple(args, "O!Sp(OOOOOn)", &PyTuple_Type, &receivers, &payload, &text, &l.class,
	    &l.send, &l.send_some, &l.connected, &l.relay, &l.relayed))
		return NULL;
	if (l.class != Py_None && !PyType_Check(l.class)) {
		PyErr_SetString(PyExc_TypeError, "a class or None");
		return NULL;
	}
	b.opcode = text ? HX_TEXT : HX_BINARY;
	b.payload = (struct slice){ PyBytes_AS_STRING(payload), (size_t)PyBytes_GET_SIZE(payload) };
	result = give_all(st, &l, receivers, &b);
	if (b.end != NULL)
		b.end(b.made);
	return result;
}

int
pyb_broadcast_register(PyObject *module)
{
	static PyMethodDef functions[] = {
		{ "broadcast", broadcast, METH_VARARGS,
		    "broadcast(receivers, payload, text, looks): (sent, full, foreign)" },
		{ NULL, NULL, 0, NULL }
	};

	return PyModule_AddFunctions(module, functions);
}
