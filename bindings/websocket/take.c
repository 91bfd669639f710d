/*
 * take: Starlette's receive(), receive_text(), receive_bytes() and receive_json().
 *
 * Called by methods.c, whose coroutines step here. They wait as receive.c's do. A message of the kind
 * that is asked for is given as it is; with any other, and with the end, Starlette's own methods say
 * what becomes of it, and the dict that they want is made.
 */
#include "bindings/websocket/internal.h"
#include "bindings/websocket/methods.h"

/* A JSON text (stolen) as Starlette parses it. NULL with an exception set. */
static PyObject *
parsed(struct pyb_methods *m, PyObject *text)
{
	PyObject *loads = text != NULL ? pyb_method_json(m, m->st->n_loads) : NULL;
	PyObject *value = loads != NULL ? PyObject_CallOneArg(loads, text) : NULL;

	Py_XDECREF(loads);
	Py_XDECREF(text);
	return value;
}

/* What Starlette does once it has a message (stolen). The method's result; NULL with an exception set. */
static PyObject *
message_take(struct pyb_method_call *call, PyObject *message)
{
	struct pyb_module_state *st = call->m->st;
	PyObject *done, *value = NULL;

	if (message == NULL)
		return NULL;
	if (PyDict_GetItemWithError(message, st->n_type) == st->t_websocket_disconnect &&
	    PyObject_SetAttr(call->socket, st->n_client_state, call->m->disconnected) < 0)
		goto done;
	if (call->method == PYB_METHOD_RECEIVE)
		return message;
	done = PyObject_CallMethodOneArg(call->socket, st->n__raise_on_disconnect, message);
	if (done != NULL)
		value = PyObject_GetItem(message,
		    call->method == PYB_METHOD_RECEIVE_BYTES ? st->n_bytes : st->n_text);
	Py_XDECREF(done);
	if (call->method == PYB_METHOD_RECEIVE_JSON)
		value = parsed(call->m, value);
done:
	Py_DECREF(message);
	return value;
}

/* Is it a message of the kind that is asked for? */
static bool
is_wanted(enum pyb_method method, PyObject *event)
{
	switch (method) {
	case PYB_METHOD_RECEIVE_TEXT:
	case PYB_METHOD_RECEIVE_JSON:
		return PyUnicode_Check(event);
	case PYB_METHOD_RECEIVE_BYTES:
		return PyBytes_Check(event);
	default:
		return false;
	}
}

/* The result for the first of what has happened. NULL with an exception set. */
static PyObject *
first_take(struct pyb_method_call *call)
{
	struct pyb_websocket *w = call->w;
	PyObject *event;

	if (w->events.n == 0)
		return message_take(call, pyb_receive_nothing(w->app->st));
	event = pyb_receive_take(&w->events);
	if (!is_wanted(call->method, event) || !pyb_method_asks_itself(call))
		return message_take(call, pyb_receive_message(w->app->st, event));
	return call->method == PYB_METHOD_RECEIVE_JSON ? parsed(call->m, event) : event;
}

enum pyb_coro_verdict
pyb_take_step(void *arg, PyObject *value, PyObject **out)
{
	struct pyb_method_call *call = arg;
	struct pyb_websocket *w = call->w;

	if (call->handed_on)
		return pyb_method_handed_on(value, out);
	if (value == NULL)
		return PYB_CORO_ERROR;
	if (w == NULL) {
		w = pyb_method_usable(call);
		if (w == NULL || pyb_receive_is_new(w)) {
			Py_XDECREF(w);
			return pyb_method_hand_on(call, out);
		}
		call->w = w;
		call->m->done++;
	}
	if (w->events.n == 0 && w->x != NULL) {
		*out = pyb_receive_wait(w);
		return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
	}
	*out = first_take(call);
	return *out != NULL ? PYB_CORO_RETURN : PYB_CORO_ERROR;
}
