/*
 * receive: what has happened, in order.
 *
 * Called by websocket.c, send.c, take.c and method.c, and receive() by the application. Each call makes a
 * coroutine, like uvicorn's `async def receive`, which waits where nothing has happened. The
 * connection hands over messages until much waits; it goes on when all of them were taken.
 */
#include "base/must.h"
#include "bindings/coro.h"
#include "bindings/websocket/internal.h"

enum { FIRST_EVENTS = 2, MOST_KEPT = 8 };

/* 0, or -1 when out of memory. */
static int
ring_grow(struct pyb_events *e)
{
	size_t cap = e->cap == 0 ? FIRST_EVENTS : e->cap * 2;
	PyObject **grown;

	if (e->n < e->cap)
		return 0;
	grown = PyMem_New(PyObject *, cap);
	if (grown == NULL)
		return -1;
	for (size_t i = 0; i < e->n; i++)
		grown[i] = e->all[(e->first + i) % e->cap];
	PyMem_Free(e->all);
	e->all = grown;
	e->first = 0;
	e->cap = cap;
	return 0;
}

int
pyb_receive_put(struct pyb_websocket *w, PyObject *event)
{
	struct pyb_events *e = &w->events;

	if (ring_grow(e) < 0) {
		Py_DECREF(event);
		return -1;
	}
	e->all[(e->first + e->n++) % e->cap] = event;
	pyb_waiters_wake(w->app->st, &w->receivers);
	return 0;
}

bool
pyb_receive_is_new(const struct pyb_websocket *w)
{
	PyObject *event = w->events.n > 0 ? w->events.all[w->events.first] : NULL;

	return event != NULL && PyDict_Check(event) &&
	    PyDict_GetItemWithError(event, w->app->st->n_type) == w->app->st->t_websocket_connect;
}

PyObject *
pyb_receive_take(struct pyb_events *e)
{
	PyObject *event;

	must(e->n > 0);
	event = e->all[e->first];
	e->first = (e->first + 1) % e->cap;
	if (--e->n == 0 && e->cap > MOST_KEPT) {
		PyMem_Free(e->all);
		*e = (struct pyb_events){ 0 };
	}
	return event;
}

/* {"type": "websocket.disconnect", "code": code, "reason": reason}; `reason` NULL: without it, as for
 * uvicorn when nobody has closed. NULL with an exception set. */
static PyObject *
disconnect_new(struct pyb_module_state *st, unsigned code, const char *reason, size_t len)
{
	PyObject *message = PyDict_New(), *number = PyLong_FromUnsignedLong(code), *text = NULL;

	if (reason != NULL)
		text = PyUnicode_DecodeUTF8(reason, (Py_ssize_t)len, "replace");
	if (message == NULL || number == NULL || (reason != NULL && text == NULL) ||
	    PyDict_SetItem(message, st->n_type, st->t_websocket_disconnect) < 0 ||
	    PyDict_SetItem(message, st->n_code, number) < 0 ||
	    (text != NULL && PyDict_SetItem(message, st->n_reason, text) < 0))
		Py_CLEAR(message);
	Py_XDECREF(number);
	Py_XDECREF(text);
	return message;
}

void
pyb_receive_end(struct pyb_websocket *w, unsigned code, const char *reason, size_t len)
{
	PyObject *message = disconnect_new(w->app->st, code, reason, len);

	/* Lost for lack of memory: receive() says so all the same, see receive_step(). */
	if (message == NULL || pyb_receive_put(w, message) < 0)
		PyErr_Clear();
}

PyObject *
pyb_receive_message(struct pyb_module_state *st, PyObject *event)
{
	PyObject *message, *key = PyUnicode_Check(event) ? st->n_text : st->n_bytes;

	if (PyDict_Check(event))
		return event;
	message = PyDict_New();
	if (message != NULL && (PyDict_SetItem(message, st->n_type, st->t_websocket_receive) < 0 ||
	    PyDict_SetItem(message, key, event) < 0))
		Py_CLEAR(message);
	Py_DECREF(event);
	return message;
}

PyObject *
pyb_receive_nothing(struct pyb_module_state *st)
{
	return disconnect_new(st, HX_CLOSE_NONE, NULL, 0);
}

PyObject *
pyb_receive_wait(struct pyb_websocket *w)
{
	w->x->calls->want_read(w->x);
	return pyb_waiters_wait(w->app->st, &w->receivers);
}

static enum pyb_coro_verdict
receive_step(void *arg, PyObject *value, PyObject **out)
{
	struct pyb_websocket *w = arg;
	struct pyb_module_state *st = w->app->st;

	if (value == NULL)
		return PYB_CORO_ERROR;
	if (w->events.n > 0) {
		*out = pyb_receive_message(st, pyb_receive_take(&w->events));
	} else if (w->x == NULL) {
		*out = pyb_receive_nothing(st);
	} else {
		*out = pyb_receive_wait(w);
		return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
	}
	return *out != NULL ? PYB_CORO_RETURN : PYB_CORO_ERROR;
}

PyObject *
pyb_websocket_method_receive(PyObject *self, PyObject *Py_UNUSED(ignored))
{
	static const struct pyb_coro_class class = {
		"receive", receive_step, pyb_coro_release_object, pyb_coro_traverse_object
	};

	return pyb_coro_new_like(((struct pyb_websocket *)self)->app->st, &class, Py_NewRef(self));
}

void
pyb_receive_fini(struct pyb_events *e)
{
	while (e->n > 0)
		Py_DECREF(pyb_receive_take(e));
	PyMem_Free(e->all);
	*e = (struct pyb_events){ 0 };
}
