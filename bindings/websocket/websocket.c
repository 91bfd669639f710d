/*
 * websocket: the life of a WebSocket inside an ASGI application.
 *
 * Called by bindings/request.c (the start, the connection's events), worker/websocket/ (messages, the
 * end) and send.c, and by engine/ (the type). When the application ends, the rules of uvicorn's run_asgi
 * apply. Nothing here may use the exchange after it was let go of.
 */
#include <Python.h>

#include "base/must.h"
#include "bindings/asgi/asgi.h"
#include "bindings/asgi/scope.h"
#include "bindings/binding.h"
#include "bindings/compat.h"
#include "bindings/coro.h"
#include "bindings/loop/late_task.h"
#include "bindings/plan/cancel.h"
#include "bindings/websocket/internal.h"
#include "bindings/websocket/type.h"

enum { METHOD_RECEIVE, METHOD_SEND };

static PyMethodDef websocket_methods[] = {
	[METHOD_RECEIVE] = { "receive", pyb_websocket_method_receive, METH_NOARGS, "ASGI receive()." },
	[METHOD_SEND] = { "send", pyb_websocket_method_send, METH_O, "ASGI send(message)." },
	{ NULL, NULL, 0, NULL }
};

/* The ASGI side of a handshake, a new reference beside the exchange's own. NULL with an exception set. */
static struct pyb_websocket *
websocket_new(struct pyb_app *app, struct hx_exchange *x)
{
	struct pyb_websocket *w = PyObject_GC_New(struct pyb_websocket, app->st->websocket_type);
	PyObject *connect;

	must(x->upper.websocket == NULL);
	if (w == NULL)
		return NULL;
	memset((char *)w + sizeof(PyObject), 0, sizeof(*w) - sizeof(PyObject));
	w->app = (struct pyb_app *)Py_NewRef((PyObject *)app);
	w->local = (struct pyb_loop_local *)Py_NewRef((PyObject *)x->upper.local);
	w->scope = pyb_scope_new_websocket(app, x);
	PyObject_GC_Track((PyObject *)w);
	connect = w->scope != NULL ? PyDict_New() : NULL;
	if (connect == NULL ||
	    PyDict_SetItem(connect, app->st->n_type, app->st->t_websocket_connect) < 0 ||
	    pyb_receive_put(w, Py_NewRef(connect)) < 0)
		Py_CLEAR(w);
	Py_XDECREF(connect);
	if (w == NULL)
		return NULL;
	w->x = x;
	x->upper.websocket = Py_NewRef((PyObject *)w);
	return w;
}

void
pyb_websocket_detach(struct pyb_websocket *w)
{
	struct hx_exchange *x = w->x;

	if (x == NULL)
		return;
	must(x->upper.websocket == w);
	w->x = NULL;
	x->upper.websocket = NULL;
	pyb_waiters_wake(w->app->st, &w->receivers);
	pyb_waiters_wake(w->app->st, &w->senders);
	x->calls->released(x);
	Py_DECREF(w);
}

/* The other side has ended it. */
static void
gone(struct pyb_websocket *w, unsigned code, const char *reason, size_t len)
{
	w->state = PYB_WEBSOCKET_GONE;
	pyb_receive_end(w, code, reason, len);
	pyb_websocket_detach(w);
}

unsigned
pyb_websocket_message(struct hx_exchange *x, const struct hx_part *part)
{
	struct pyb_websocket *w = x->upper.websocket;
	PyObject *message;
	unsigned code;

	if (w == NULL)
		return 0;
	code = pyb_message_add(&w->incoming, part, &message);
	if (code != 0 || message == NULL)
		return code;
	return pyb_receive_put(w, message) < 0 ? HX_CLOSE_FAILED : 0;
}

void
pyb_websocket_closed(struct hx_exchange *x, const struct hx_closing *why)
{
	if (x->upper.websocket != NULL)
		gone(x->upper.websocket, why->code, why->reason, why->reason_len);
}

void
pyb_websocket_cancel(struct hx_exchange *x)
{
	struct pyb_websocket *w = x->upper.websocket;

	pyb_cancel_task(w->task);
}

void
pyb_websocket_content(struct hx_exchange *x)
{
	struct pyb_websocket *w = x->upper.websocket;

	/* uvicorn's codes. */
	if (x->content.aborted)
		gone(w, w->state == PYB_WEBSOCKET_OPEN ? HX_CLOSE_NONE : 1006, NULL, 0);
}

void
pyb_websocket_writable(struct hx_exchange *x)
{
	struct pyb_websocket *w = x->upper.websocket;

	pyb_waiters_wake(w->app->st, &w->senders);
}

/* The application has ended: it returned `result` (borrowed), or raised (NULL; the exception is
 * reported and cleared). */
static void
finish(struct pyb_websocket *w, PyObject *result)
{
	PyObject *exc = result == NULL ? PyErr_GetRaisedException() : NULL;
	bool left = exc != NULL &&
	    PyObject_TypeCheck(exc, (PyTypeObject *)w->app->st->client_disconnected);
	bool answered = w->state != PYB_WEBSOCKET_CONNECTING && w->state != PYB_WEBSOCKET_DENYING;
	const char *complaint = NULL;

	if (exc != NULL && !left)
		complaint = PYB_ASGI_RAISED;
	else if (exc == NULL && !answered)
		complaint = "ASGI callable returned without completing handshake.";
	else if (exc == NULL && result != Py_None)
		complaint = "ASGI callable should return None, but returned something else.";
	if (exc != NULL && !left)
		shm_board_add(w->app->board, SHM_COUNT_exceptions, 1);
	if (complaint != NULL)
		pyb_asgi_report(w->app, NULL, NULL, w->scope, complaint, exc, false);
	Py_XDECREF(exc);
	if (w->task != NULL)
		pyb_local_keep_no_more(w->local, w->task);
	Py_CLEAR(w->task);
	w->running = false;
	if (w->x != NULL) {
		if (!answered)
			w->x->calls->abort(w->x);
		w->state = PYB_WEBSOCKET_GONE;	/* for tasks that go on */
		pyb_websocket_detach(w);
	}
	pyb_app_run_end(w->app);
}

/* Call the application. The awaitable; NULL with an exception set. */
static PyObject *
app_call(struct pyb_websocket *w)
{
	PyObject *callable = w->callable, *self = (PyObject *)w;
	PyObject *receive = PyCFunction_New(&websocket_methods[METHOD_RECEIVE], self);
	PyObject *send = PyCFunction_New(&websocket_methods[METHOD_SEND], self);

	w->callable = NULL;
	return pyb_asgi_call(callable, w->scope, receive, send, NULL);
}

/* The step of the coroutine around the application. */
static enum pyb_coro_verdict
app_step(void *arg, PyObject *value, PyObject **out)
{
	struct pyb_websocket *w = arg;

	if (w->callable != NULL && value != NULL) {
		*out = app_call(w);
		if (*out != NULL)
			return PYB_CORO_AWAIT;
		value = NULL;
	}
	finish(w, value);
	*out = Py_NewRef(Py_None);
	return PYB_CORO_RETURN;
}

/* Run the application. Steals the reference to `w`. */
static void
run(struct pyb_websocket *w, PyObject *callable)
{
	static const struct pyb_coro_class class = {
		"application", app_step, pyb_coro_release_object, pyb_coro_traverse_object
	};
	PyObject *coro, *context = NULL, *task = NULL;

	w->callable = Py_NewRef(callable);
	w->running = true;
	pyb_app_run_begin(w->app);
	coro = pyb_coro_new(w->app->st, &class, Py_NewRef((PyObject *)w));
	if (coro != NULL)
		context = PyContext_CopyCurrent();
	if (context != NULL)
		task = pyb_late_task(w->local, &w->app->late_websockets, coro, context, NULL);
	if (task == NULL) {
		finish(w, NULL);
	} else if (w->running && task != Py_None) {
		/* asyncio itself has weak references only. */
		if (pyb_local_keep(w->local, task) == 0)
			w->task = Py_NewRef(task);
		else
			PyErr_WriteUnraisable(task);
	}
	Py_XDECREF(task);
	Py_XDECREF(coro);
	Py_XDECREF(context);
	Py_DECREF(w);
}

void
pyb_websocket_start(struct pyb_app *app, struct hx_exchange *x, bool planned)
{
	struct pyb_websocket *w = websocket_new(app, x);

	if (w != NULL)
		run(w, app->behind != NULL ? app->behind : planned ? app->binding->outer : app->asgi);
	else
		pyb_asgi_lost(app, x);
}

static int
websocket_traverse(PyObject *self, visitproc visit, void *arg)
{
	struct pyb_websocket *w = (struct pyb_websocket *)self;

	Py_VISIT(Py_TYPE(self));
	Py_VISIT(w->app);
	Py_VISIT(w->scope);
	Py_VISIT(w->callable);
	Py_VISIT(w->task);
	Py_VISIT(w->local);
	Py_VISIT(w->receivers);
	Py_VISIT(w->senders);
	Py_VISIT(w->headers);
	for (size_t i = 0; i < w->events.n; i++)
		Py_VISIT(w->events.all[(w->events.first + i) % w->events.cap]);
	return 0;
}

static int
websocket_clear(PyObject *self)
{
	struct pyb_websocket *w = (struct pyb_websocket *)self;

	Py_CLEAR(w->scope);
	Py_CLEAR(w->callable);
	Py_CLEAR(w->task);
	Py_CLEAR(w->receivers);
	Py_CLEAR(w->senders);
	Py_CLEAR(w->headers);
	Py_CLEAR(w->content);
	pyb_receive_fini(&w->events);
	pyb_message_fini(&w->incoming);
	return 0;
}

static void
websocket_dealloc(PyObject *self)
{
	struct pyb_websocket *w = (struct pyb_websocket *)self;
	PyTypeObject *type = Py_TYPE(self);

	PyObject_GC_UnTrack(self);
	websocket_clear(self);
	if (w->running)
		pyb_app_run_end(w->app);
	Py_XDECREF(w->local);
	Py_XDECREF(w->app);
	type->tp_free(self);
	Py_DECREF(type);
}

static PyType_Slot websocket_slots[] = {
	{ Py_tp_dealloc, websocket_dealloc },
	{ Py_tp_traverse, websocket_traverse },
	{ Py_tp_clear, websocket_clear },
	{ Py_tp_methods, websocket_methods },
	{ 0, NULL }
};

static PyType_Spec websocket_spec = {
	.name = "fastrapi._engine.WebSocket",
	.basicsize = sizeof(struct pyb_websocket),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
	    Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
	.slots = websocket_slots,
};

PyTypeObject *
pyb_websocket_type_new(PyObject *module)
{
	return (PyTypeObject *)PyType_FromModuleAndSpec(module, &websocket_spec, NULL);
}
