/*
 * receive: the application asks for request content.
 *
 * Called by asgi.c, whose method it is, by plan/run.c and by stack/listen.c. Each call makes a
 * coroutine, like uvicorn's `async def receive`. The coroutine copies the content that has arrived,
 * or asks the connection to read on and waits for more. After the last piece it waits for
 * http.disconnect, which comes when the client has gone away or the answer is complete. watch() is
 * for a coroutine that would ask for nothing but http.disconnect. It must never block the loop:
 * waiting means awaiting a future.
 */
#include "bindings/asgi/internal.h"
#include "bindings/content.h"
#include "bindings/coro.h"

/* Bytes of content in one message that was waited for: at first, and at most. */
enum { FIRST = 512 * 1024, MOST = 1024 * 1024 };

/* A new message {"type": "http.request", "body": ..., "more_body": ...} with the content
 * that has arrived, which leaves the exchange. NULL with an exception set. */
static PyObject *
message_take(struct pyb_asgi *a)
{
	struct pyb_module_state *st = a->app->st;
	bool complete = a->x->content.complete;
	PyObject *message = PyDict_New(), *body = NULL;

	/* What is taken must not be lost: its place in the message is made before. */
	if (message == NULL ||
	    PyDict_SetItem(message, st->n_type, st->t_http_request) < 0 ||
	    PyDict_SetItem(message, st->n_body, Py_None) < 0 ||
	    PyDict_SetItem(message, st->n_more_body, complete ? Py_False : Py_True) < 0 ||
	    (body = pyb_content_take(a->x)) == NULL ||
	    PyDict_SetItem(message, st->n_body, body) < 0)
		Py_CLEAR(message);
	else
		a->delivered = complete;
	Py_XDECREF(body);
	return message;
}

/* More content may come: where it is large, into the bytes of the next message. In chunks it
 * says so only by what has come. */
static void
room_make(struct hx_exchange *x)
{
	const struct hx_request *req = &x->req;
	uint64_t received = x->content.received, room = received;
	uint64_t left = req->h1.chunked ? received : req->content_length - received;

	if (x->content.complete || left < PYB_CONTENT_LARGE)
		return;
	if (room < FIRST)
		room = FIRST;
	if (room > MOST)
		room = MOST;
	pyb_content_room(x, (size_t)(room < left ? room : left));
}

static PyObject *
disconnect_new(struct pyb_asgi *a)
{
	PyObject *message = PyDict_New();

	if (message != NULL && PyDict_SetItem(message, a->app->st->n_type,
	    a->app->st->t_http_disconnect) < 0)
		Py_CLEAR(message);
	return message;
}

bool
pyb_asgi_has_client(const struct pyb_asgi *a)
{
	return a->x != NULL && !a->complete && a->x->content.complete &&
	    !a->x->content.aborted && !a->x->content.peer_closed;
}

bool
pyb_asgi_has_content(const struct pyb_asgi *a)
{
	return !a->delivered && pyb_asgi_has_client(a);
}

void
pyb_asgi_was_read(struct pyb_asgi *a)
{
	a->delivered = true;
}

PyObject *
pyb_asgi_method_watch(PyObject *self, PyObject *Py_UNUSED(ignored))
{
	struct pyb_asgi *a = (struct pyb_asgi *)self;

	if (!pyb_asgi_has_client(a))
		Py_RETURN_NONE;
	a->delivered = true;
	a->x->calls->want_read(a->x);
	return pyb_waiters_wait(a->app->st, &a->receivers);
}

static enum pyb_coro_verdict
receive_step(void *arg, PyObject *value, PyObject **out)
{
	struct pyb_asgi *a = arg;

	if (value == NULL)
		return PYB_CORO_ERROR;
	if (a->x == NULL || a->complete || a->x->content.aborted) {
		*out = disconnect_new(a);
	} else if (!a->delivered && (a->x->content.complete || a->x->content.len > 0)) {
		*out = message_take(a);
	} else if (a->x->content.peer_closed) {
		*out = disconnect_new(a);
	} else {
		room_make(a->x);
		a->x->calls->want_read(a->x);
		*out = pyb_waiters_wait(a->app->st, &a->receivers);
		return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
	}
	return *out != NULL ? PYB_CORO_RETURN : PYB_CORO_ERROR;
}

PyObject *
pyb_asgi_method_receive(PyObject *self, PyObject *Py_UNUSED(ignored))
{
	static const struct pyb_coro_class class = {
		"receive", receive_step, pyb_coro_release_object, pyb_coro_traverse_object
	};

	return pyb_coro_new(((struct pyb_asgi *)self)->app->st, &class, Py_NewRef(self));
}
