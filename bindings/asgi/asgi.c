/*
 * asgi: the life of a request inside an ASGI application.
 *
 * Called by bindings/request.c (plain ASGI, the connection's events), by plan/ (the application's
 * stack ends a compiled request), by stack/ (layers without a `receive` of their own), body.c,
 * send.c, websocket/websocket.c (the call) and engine/ (the type). When the application ends, its
 * coroutine applies the rules of uvicorn's run_asgi. Nothing here may use the exchange after it
 * was detached.
 */
#include "base/must.h"
#include "bindings/asgi/internal.h"
#include "bindings/asgi/scope.h"
#include "bindings/compat.h"
#include "bindings/coro.h"
#include "bindings/loop/late_task.h"
#include "bindings/session.h"
#include "middleware/exchange.h"

enum { METHOD_RECEIVE, METHOD_SEND };

static PyMethodDef asgi_methods[] = {
	[METHOD_RECEIVE] = { "receive", pyb_asgi_method_receive, METH_NOARGS, "ASGI receive()." },
	[METHOD_SEND] = { "send", pyb_asgi_method_send, METH_O, "ASGI send(message)." },
	{ "watch", pyb_asgi_method_watch, METH_NOARGS, "A future of http.disconnect, or None." },
	{ NULL, NULL, 0, NULL }
};

struct pyb_asgi *
pyb_asgi_new(struct pyb_app *app, struct hx_exchange *x)
{
	struct pyb_asgi *a = PyObject_GC_New(struct pyb_asgi, app->st->asgi_type);

	must(x->upper.asgi == NULL);
	if (a == NULL)
		return NULL;
	memset((char *)a + sizeof(PyObject), 0, sizeof(*a) - sizeof(PyObject));
	a->app = (struct pyb_app *)Py_NewRef((PyObject *)app);
	a->scope = pyb_scope_new(app, x);
	PyObject_GC_Track((PyObject *)a);
	if (a->scope == NULL ||
	    pyb_session_show(app->st, mw_exchange_session(x, MW_EDGE), a->scope) < 0) {
		Py_DECREF(a);
		return NULL;
	}
	a->x = x;
	x->upper.asgi = Py_NewRef((PyObject *)a);
	return a;
}

/* From now on report to `seen` (NULL: to nobody), also without an exchange. */
static void
observer_take(struct pyb_asgi *a, struct pyb_observer *seen)
{
	a->seen = seen;
	Py_XSETREF(a->seen_owner, seen != NULL ? Py_NewRef(seen->owner) : NULL);
}

struct pyb_asgi *
pyb_asgi_new_answered(struct pyb_app *app, struct hx_exchange *kept)
{
	struct pyb_asgi *a = pyb_asgi_new(app, kept);

	if (a == NULL)
		return NULL;
	observer_take(a, kept->upper.observer);
	a->started = a->complete = true;
	a->x = NULL;
	Py_DECREF((PyObject *)kept->upper.asgi);
	return a;
}

PyObject *
pyb_asgi_scope(struct pyb_asgi *a)
{
	return a->scope;
}

PyObject *
pyb_asgi_receive(struct pyb_asgi *a)
{
	return PyCFunction_New(&asgi_methods[METHOD_RECEIVE], (PyObject *)a);
}

PyObject *
pyb_asgi_send(struct pyb_asgi *a)
{
	return PyCFunction_New(&asgi_methods[METHOD_SEND], (PyObject *)a);
}

/* The exchange no longer holds `a` and its task. If the application runs on, let the
 * loop's local hold the task: asyncio itself only has weak references. */
static void
task_keep(struct pyb_asgi *a, struct pyb_loop_local *local)
{
	if (!a->running || a->task == NULL)
		return;
	must(a->keeper == NULL);
	if (pyb_local_keep(local, a->task) == 0)
		a->keeper = (struct pyb_loop_local *)Py_NewRef((PyObject *)local);
	else
		PyErr_WriteUnraisable(a->task);
}

static void
task_drop(struct pyb_asgi *a)
{
	if (a->keeper != NULL)
		pyb_local_keep_no_more(a->keeper, a->task);
	Py_CLEAR(a->keeper);
	Py_CLEAR(a->task);
}

void
pyb_asgi_detach(struct pyb_asgi *a)
{
	struct hx_exchange *x = a->x;

	if (x == NULL)
		return;
	must(x->upper.asgi == a);
	if (!a->running && a->complete)
		observer_take(a, x->upper.observer);
	task_keep(a, x->upper.local);
	a->x = NULL;
	x->upper.asgi = NULL;
	pyb_waiters_wake(a->app->st, &a->receivers);
	pyb_waiters_wake(a->app->st, &a->senders);
	if (x->upper.run == NULL)
		x->calls->released(x);
	Py_DECREF(a);
}

void
pyb_asgi_answered(struct pyb_asgi *a)
{
	if (a->x == NULL || a->task != NULL)
		return;		/* the application's own task detaches */
	a->started = a->complete = true;
	pyb_asgi_detach(a);
}

void
pyb_asgi_content(struct pyb_asgi *a)
{
	pyb_waiters_wake(a->app->st, &a->receivers);
	if (a->x != NULL && a->x->content.aborted)
		pyb_waiters_wake(a->app->st, &a->senders);
}

void
pyb_asgi_writable(struct pyb_asgi *a)
{
	pyb_waiters_wake(a->app->st, &a->senders);
}

bool
pyb_asgi_has_begun(const struct pyb_asgi *a)
{
	return a->started;
}

bool
pyb_asgi_is_answered(const struct pyb_asgi *a)
{
	return a->x == NULL && a->complete;
}

void
pyb_asgi_take_back(struct pyb_asgi *a)
{
	a->started = false;
}

bool
pyb_asgi_is_started(struct pyb_module_state *st, PyObject *send)
{
	struct pyb_asgi *a = pyb_asgi_of(st, send);

	return a != NULL && a->started;
}

struct pyb_asgi *
pyb_asgi_of(struct pyb_module_state *st, PyObject *callable)
{
	PyObject *self = PyCFunction_Check(callable) ? PyCFunction_GET_SELF(callable) : NULL;

	return self != NULL && Py_TYPE(self) == st->asgi_type ? (struct pyb_asgi *)self : NULL;
}

void
pyb_asgi_begin(struct pyb_asgi *a)
{
	must(!a->running);
	a->running = true;
	pyb_app_run_begin(a->app);
	if (a->x != NULL)
		observer_take(a, a->x->upper.observer);
	if (a->seen != NULL)
		pyb_observer_run_begin(a->seen);
}

/* The application has ended, with its background tasks and the exits of its
 * dependencies. */
static void
run_end(struct pyb_asgi *a)
{
	struct pyb_observer *seen = a->seen;

	if (!a->running)
		return;
	a->running = false;
	a->seen = NULL;
	if (seen != NULL)
		pyb_observer_run_end(seen);
	Py_CLEAR(a->seen_owner);
	pyb_app_run_end(a->app);
}

void
pyb_asgi_finish(struct pyb_asgi *a, PyObject *result)
{
	PyObject *exc = result == NULL ? PyErr_GetRaisedException() : NULL;
	bool left = a->x != NULL && (a->x->content.aborted || a->x->content.peer_closed);
	bool gone = a->x == NULL || left || pyb_asgi_is_cut(a);
	const char *complaint = NULL;

	if (exc != NULL)
		complaint = PYB_ASGI_RAISED;
	else if (result != Py_None)
		complaint = "ASGI callable should return None, but returned something else.";
	else if (!a->started && !gone)
		complaint = "ASGI callable returned without starting response.";
	else if (!a->complete && !gone)
		complaint = "ASGI callable returned without completing response.";
	if (exc != NULL)
		shm_board_add(a->app->board, SHM_COUNT_exceptions, 1);
	if (complaint != NULL)
		pyb_asgi_report(a->app, a->x, a->seen, a->scope, complaint, exc, left && !a->complete);
	Py_XDECREF(exc);
	pyb_scope_outcome_drop(a->app->st, a->scope);
	task_drop(a);
	if (a->x != NULL) {
		if (!a->complete)
			a->x->calls->abort(a->x);
		a->complete = true;
		pyb_asgi_detach(a);
	}
	run_end(a);
}

PyObject *
pyb_asgi_call(PyObject *callable, PyObject *scope, PyObject *receive, PyObject *send, PyObject *extra)
{
	PyObject *args[] = { NULL, scope, receive, send, extra }, *result = NULL;

	if (receive != NULL && send != NULL)
		result = PyObject_Vectorcall(callable, args + 1,
		    (extra != NULL ? 4 : 3) | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
	Py_XDECREF(receive);
	Py_XDECREF(send);
	Py_DECREF(callable);
	Py_XDECREF(extra);
	return result;
}

/* Call what pyb_asgi_start() was given. The awaitable; NULL with an exception set. */
static PyObject *
app_call(struct pyb_asgi *a)
{
	PyObject *callable = a->callable, *extra = a->extra, *receive = pyb_asgi_receive(a);

	a->callable = a->extra = NULL;
	return pyb_asgi_call(callable, a->scope, receive, pyb_asgi_send(a), extra);
}

/* The step of the coroutine around the application. */
static enum pyb_coro_verdict
app_step(void *arg, PyObject *value, PyObject **out)
{
	struct pyb_asgi *a = arg;

	if (a->callable != NULL && value != NULL) {
		*out = app_call(a);
		if (*out != NULL)
			return PYB_CORO_AWAIT;
		value = NULL;
	}
	pyb_asgi_finish(a, value);
	*out = Py_NewRef(Py_None);
	return PYB_CORO_RETURN;
}

void
pyb_asgi_start(struct pyb_asgi *a, struct pyb_loop_local *local, struct pyb_late *late,
    PyObject *callable, PyObject *extra, PyObject *context)
{
	static const struct pyb_coro_class class = {
		"application", app_step, pyb_coro_release_object, pyb_coro_traverse_object
	};
	PyObject *coro, *task = NULL, *own = NULL;

	must(a->callable == NULL && a->task == NULL);
	a->callable = Py_NewRef(callable);
	a->extra = Py_XNewRef(extra);
	pyb_asgi_begin(a);
	coro = pyb_coro_new(a->app->st, &class, Py_NewRef((PyObject *)a));
	if (coro != NULL && context == NULL)
		context = own = PyContext_CopyCurrent();
	if (coro != NULL && context != NULL)
		task = pyb_late_task(local, late, coro, context, NULL);
	if (task == NULL) {
		pyb_asgi_finish(a, NULL);
	} else if (a->running && task != Py_None) {
		a->task = Py_NewRef(task);
		if (a->x == NULL)
			task_keep(a, local);
	}
	Py_XDECREF(task);
	Py_XDECREF(coro);
	Py_XDECREF(own);
	Py_DECREF(a);
}

static int
asgi_traverse(PyObject *self, visitproc visit, void *arg)
{
	struct pyb_asgi *a = (struct pyb_asgi *)self;

	Py_VISIT(Py_TYPE(self));
	Py_VISIT(a->app);
	Py_VISIT(a->scope);
	Py_VISIT(a->callable);
	Py_VISIT(a->extra);
	Py_VISIT(a->seen_owner);
	Py_VISIT(a->task);
	Py_VISIT(a->keeper);
	Py_VISIT(a->receivers);
	Py_VISIT(a->senders);
	return 0;
}

static int
asgi_clear(PyObject *self)
{
	struct pyb_asgi *a = (struct pyb_asgi *)self;

	Py_CLEAR(a->scope);
	Py_CLEAR(a->callable);
	Py_CLEAR(a->extra);
	if (!a->running)
		observer_take(a, NULL);
	task_drop(a);
	Py_CLEAR(a->receivers);
	Py_CLEAR(a->senders);
	return 0;
}

static void
asgi_dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);

	PyObject_GC_UnTrack(self);
	asgi_clear(self);
	run_end((struct pyb_asgi *)self);
	Py_XDECREF(((struct pyb_asgi *)self)->app);
	type->tp_free(self);
	Py_DECREF(type);
}

static PyType_Slot asgi_slots[] = {
	{ Py_tp_dealloc, asgi_dealloc },
	{ Py_tp_traverse, asgi_traverse },
	{ Py_tp_clear, asgi_clear },
	{ Py_tp_methods, asgi_methods },
	{ 0, NULL }
};

static PyType_Spec asgi_spec = {
	.name = "fastrapi._engine.Asgi",
	.basicsize = sizeof(struct pyb_asgi),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
	    Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
	.slots = asgi_slots,
};

PyTypeObject *
pyb_asgi_type_new(PyObject *module)
{
	return (PyTypeObject *)PyType_FromModuleAndSpec(module, &asgi_spec, NULL);
}
