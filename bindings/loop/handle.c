/*
 * handle: the Python type Handle.
 *
 * Called by the rest of loop/ and by engine/ (the type). The turn's FIFO runs a handle
 * with the interpreter held. A callback's exception goes to the loop's exception handler,
 * as in asyncio.Handle._run; SystemExit and KeyboardInterrupt end run_forever(). No
 * exception may leave a job of the FIFO.
 */
#include "bindings/loop/handle.h"

#include <stddef.h>
#include <structmember.h>

#include "base/must.h"
#include "bindings/compat.h"
#include "bindings/context.h"
#include "bindings/loop/loop.h"
#include "bindings/loop/task_step.h"

static void
failure_report(struct pyb_handle *h)
{
	PyObject *exc = PyErr_GetRaisedException(), *done;

	if (PyErr_GivenExceptionMatches(exc, PyExc_SystemExit) ||
	    PyErr_GivenExceptionMatches(exc, PyExc_KeyboardInterrupt)) {
		Py_XSETREF(h->loop->fatal, exc);
		return;
	}
	done = PyObject_CallMethod((PyObject *)h->loop, "_callback_failed", "OO", h, exc);
	if (done == NULL) {
		if (PyErr_ExceptionMatches(PyExc_SystemExit) ||
		    PyErr_ExceptionMatches(PyExc_KeyboardInterrupt))
			Py_XSETREF(h->loop->fatal, PyErr_GetRaisedException());
		else
			PyErr_WriteUnraisable((PyObject *)h);
	}
	Py_XDECREF(done);
	Py_DECREF(exc);
}

static void
callback_call(struct pyb_handle *h)
{
	PyObject *callback = Py_NewRef(h->callback), *args = Py_XNewRef(h->args);
	PyObject *context = Py_NewRef(h->context), *result = NULL;

	if (PyContext_Enter(context) == 0) {
		result = args == NULL ? PyObject_CallNoArgs(callback) :
		    PyObject_Vectorcall(callback, &PyTuple_GET_ITEM(args, 0),
			(size_t)PyTuple_GET_SIZE(args), NULL);
		pyb_context_leave(context);
	}
	/* After leaving the context: from CPython 3.12 on the exception handler enters it. */
	if (result == NULL && pyb_task_step_is_due(h->loop->st, callback))
		pyb_handle_push(h);
	else if (result == NULL)
		failure_report(h);
	Py_XDECREF(result);
	Py_DECREF(callback);
	Py_XDECREF(args);
	Py_DECREF(context);
}

/* Call the callback; in debug mode EventLoop._run_timed() calls it, and warns when it is
 * slow. */
static void
callback_run(struct pyb_handle *h)
{
	PyObject *done;

	if (!h->loop->debug) {
		callback_call(h);
		return;
	}
	done = PyObject_CallMethod((PyObject *)h->loop, "_run_timed", "O", h);
	if (done == NULL)
		failure_report(h);
	Py_XDECREF(done);
}

static struct pyb_handle *
handle_of(const struct io_job *job)
{
	return container_of(job, struct pyb_handle, job);
}

static void
handle_run(struct io_job *job)
{
	struct pyb_handle *h = handle_of(job);

	if (!h->cancelled) {
		if (h->loop->fatal == NULL)
			callback_run(h);
		else
			pyb_handle_push(h);	/* the next run_forever() calls it */
	}
	Py_DECREF(h);
}

/* The job of a descriptor's handle, which the FIFO borrows from its pyb_watch. */
static void
watched_run(struct io_job *job)
{
	struct pyb_handle *h = handle_of(job);

	if (h->cancelled || h->loop->fatal != NULL)
		return;
	Py_INCREF(h);
	callback_run(h);
	Py_DECREF(h);
}

void
pyb_handle_push(struct pyb_handle *h)
{
	must(h->loop->turn != NULL);
	if (list_has(&h->job.node))
		return;
	Py_INCREF(h);
	h->job.run = handle_run;
	io_turn_push(h->loop->turn, &h->job);
}

void
pyb_handle_fire(struct pyb_handle *h)
{
	h->job.run = watched_run;
	io_turn_push(h->loop->turn, &h->job);
}

struct visitor {
	visitproc visit;
	void *arg;
};

static int
job_visit(const struct io_job *job, void *arg)
{
	struct visitor *v = arg;

	return job->run == handle_run ? v->visit((PyObject *)handle_of(job), v->arg) : 0;
}

int
pyb_handles_traverse(struct pyb_loop *loop, visitproc visit, void *arg)
{
	return io_turn_each(loop->turn, job_visit, &(struct visitor){ visit, arg });
}

static int
job_find(const struct io_job *job, void *found)
{
	if (job->run != handle_run)
		return 0;
	*(struct pyb_handle **)found = handle_of(job);
	return 1;
}

void
pyb_handles_clear(struct pyb_loop *loop)
{
	struct pyb_handle *h;

	while (io_turn_each(loop->turn, job_find, &h) != 0) {
		io_turn_remove(&h->job);
		Py_DECREF(h);
	}
}

/* Fill a zeroed handle. 0, or -1 with an exception set. */
static int
handle_fill(struct pyb_handle *h, PyObject *callback, PyObject *const *args, Py_ssize_t n_args,
    PyObject *context)
{
	h->callback = Py_NewRef(callback);
	h->context = context != NULL ? Py_NewRef(context) : PyContext_CopyCurrent();
	if (h->context == NULL)
		return -1;
	if (n_args > 0) {
		h->args = PyTuple_New(n_args);
		if (h->args == NULL)
			return -1;
		for (Py_ssize_t i = 0; i < n_args; i++)
			PyTuple_SET_ITEM(h->args, i, Py_NewRef(args[i]));
	}
	if (!h->loop->debug)
		return 0;
	h->traceback = PyObject_CallMethod((PyObject *)h->loop, "_caller_stack", NULL);
	return h->traceback != NULL ? 0 : -1;
}

struct pyb_handle *
pyb_handle_new(struct pyb_loop *loop, PyObject *callback, PyObject *const *args,
    Py_ssize_t n_args, PyObject *context, PyTypeObject *type)
{
	struct pyb_handle *h = PyObject_GC_New(struct pyb_handle, type);
	int rc;

	if (h == NULL)
		return NULL;
	memset((char *)h + sizeof(PyObject), 0, (size_t)type->tp_basicsize - sizeof(PyObject));
	h->loop = (struct pyb_loop *)Py_NewRef((PyObject *)loop);
	rc = handle_fill(h, callback, args, n_args, context);
	PyObject_GC_Track((PyObject *)h);
	if (rc < 0)
		Py_CLEAR(h);
	return h;
}

void
pyb_handle_cancel(struct pyb_handle *h)
{
	if (h->cancelled)
		return;
	h->cancelled = true;
	/* Only the log needs it. It fails when the interpreter is ending. */
	if (h->loop->debug && (h->repr = PyObject_Repr((PyObject *)h)) == NULL)
		PyErr_Clear();
	Py_CLEAR(h->callback);
	Py_CLEAR(h->args);
}

static PyObject *
handle_cancel(PyObject *self, PyObject *Py_UNUSED(ignored))
{
	pyb_handle_cancel((struct pyb_handle *)self);
	Py_RETURN_NONE;
}

static PyObject *
handle_cancelled(PyObject *self, PyObject *Py_UNUSED(ignored))
{
	return PyBool_FromLong(((struct pyb_handle *)self)->cancelled);
}

static PyObject *
handle_run_now(PyObject *self, PyObject *Py_UNUSED(ignored))
{
	struct pyb_handle *h = (struct pyb_handle *)self;

	if (!h->cancelled)
		callback_call(h);
	Py_RETURN_NONE;
}

static PyObject *
handle_args(PyObject *self, void *Py_UNUSED(closure))
{
	struct pyb_handle *h = (struct pyb_handle *)self;

	if (h->args == NULL && !h->cancelled)
		return PyTuple_New(0);
	return Py_NewRef(h->args != NULL ? h->args : Py_None);
}

PyObject *
pyb_handle_class(PyObject *Py_UNUSED(self), void *name)
{
	PyObject *events = PyImport_ImportModule("asyncio.events");
	PyObject *class = events != NULL ? PyObject_GetAttrString(events, name) : NULL;

	Py_XDECREF(events);
	return class;
}

int
pyb_handle_borrow(PyTypeObject *type, const char *name, const char *const *methods)
{
	PyObject *class = pyb_handle_class(NULL, (void *)(uintptr_t)name);
	int rc = class != NULL ? 0 : -1;

	for (; rc == 0 && *methods != NULL; methods++) {
		PyObject *method = PyObject_GetAttrString(class, *methods);

		rc = method != NULL ?
		    PyObject_SetAttrString((PyObject *)type, *methods, method) : -1;
		Py_XDECREF(method);
	}
	Py_XDECREF(class);
	return rc;
}

static PyObject *
handle_get_context(PyObject *self, PyObject *Py_UNUSED(ignored))
{
	return Py_NewRef(((struct pyb_handle *)self)->context);
}

int
pyb_handle_traverse(PyObject *self, visitproc visit, void *arg)
{
	struct pyb_handle *h = (struct pyb_handle *)self;

	Py_VISIT(Py_TYPE(self));
	Py_VISIT(h->loop);
	Py_VISIT(h->callback);
	Py_VISIT(h->args);
	Py_VISIT(h->context);
	Py_VISIT(h->traceback);
	return 0;
}

int
pyb_handle_clear(PyObject *self)
{
	struct pyb_handle *h = (struct pyb_handle *)self;

	Py_CLEAR(h->callback);
	Py_CLEAR(h->args);
	Py_CLEAR(h->traceback);
	return 0;
}

void
pyb_handle_dealloc(PyObject *self)
{
	struct pyb_handle *h = (struct pyb_handle *)self;
	PyTypeObject *type = Py_TYPE(self);

	PyObject_GC_UnTrack(self);
	if (h->weakrefs != NULL)
		PyObject_ClearWeakRefs(self);
	pyb_handle_clear(self);
	Py_CLEAR(h->repr);
	Py_CLEAR(h->context);
	Py_CLEAR(h->loop);
	type->tp_free(self);
	Py_DECREF(type);
}

static PyMethodDef handle_methods[] = {
	{ "cancel", handle_cancel, METH_NOARGS, "Do not call it any more." },
	{ "cancelled", handle_cancelled, METH_NOARGS, "Was it cancelled?" },
	{ "get_context", handle_get_context, METH_NOARGS, "The context it runs in." },
	{ "_run", handle_run_now, METH_NOARGS, NULL },
	{ NULL, NULL, 0, NULL }
};

static PyMemberDef handle_members[] = {
	{ "_callback", T_OBJECT, offsetof(struct pyb_handle, callback), READONLY, NULL },
	{ "_context", T_OBJECT, offsetof(struct pyb_handle, context), READONLY, NULL },
	{ "_loop", T_OBJECT, offsetof(struct pyb_handle, loop), READONLY, NULL },
	{ "_source_traceback", T_OBJECT, offsetof(struct pyb_handle, traceback), READONLY, NULL },
	{ "_repr", T_OBJECT, offsetof(struct pyb_handle, repr), READONLY, NULL },
	{ "_cancelled", T_BOOL, offsetof(struct pyb_handle, cancelled), READONLY, NULL },
	{ "__weaklistoffset__", T_PYSSIZET, offsetof(struct pyb_handle, weakrefs), READONLY, NULL },
	{ NULL, 0, 0, 0, NULL }
};

static PyGetSetDef handle_getset[] = {
	{ "_args", handle_args, NULL, NULL, NULL },
	{ "__class__", pyb_handle_class, NULL, NULL, "Handle" },
	{ NULL, NULL, NULL, NULL, NULL }
};

static PyType_Slot handle_slots[] = {
	{ Py_tp_dealloc, pyb_handle_dealloc },
	{ Py_tp_traverse, pyb_handle_traverse },
	{ Py_tp_clear, pyb_handle_clear },
	{ Py_tp_methods, handle_methods },
	{ Py_tp_members, handle_members },
	{ Py_tp_getset, handle_getset },
	{ 0, NULL }
};

static PyType_Spec handle_spec = {
	.name = "fastrapi._engine.Handle",
	.basicsize = sizeof(struct pyb_handle),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE |
	    Py_TPFLAGS_DISALLOW_INSTANTIATION,
	.slots = handle_slots,
};

PyTypeObject *
pyb_handle_type_new(PyObject *module)
{
	static const char *const methods[] = { "__repr__", "_repr_info", NULL };
	PyTypeObject *type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &handle_spec, NULL);

	if (type != NULL && pyb_handle_borrow(type, "Handle", methods) < 0)
		Py_CLEAR(type);
	return type;
}
