/*
 * handle: Handle.
 *
 * Made by schedule.c and watch.c, run by the turn's FIFO with the interpreter
 * held. A callback's exception goes to the loop's exception handler, as in
 * asyncio.Handle._run; SystemExit and KeyboardInterrupt end run_forever().
 */
#include "bindings/handle.h"

#include <stddef.h>
#include <structmember.h>

#include "bindings/compat.h"
#include "bindings/loop.h"

static void
failure_report(struct pyb_handle *h)
{
	PyObject *exc = PyErr_GetRaisedException(), *context, *message, *done = NULL;

	if (PyErr_GivenExceptionMatches(exc, PyExc_SystemExit) ||
	    PyErr_GivenExceptionMatches(exc, PyExc_KeyboardInterrupt)) {
		Py_XSETREF(h->loop->fatal, exc);
		return;
	}
	message = PyUnicode_FromFormat("Exception in callback %R", h->callback);
	context = message != NULL ? Py_BuildValue("{s:O,s:O,s:O}", "message", message,
	    "exception", exc, "handle", (PyObject *)h) : NULL;
	if (context != NULL)
		done = PyObject_CallMethod((PyObject *)h->loop, "call_exception_handler",
		    "O", context);
	if (done == NULL) {
		if (PyErr_ExceptionMatches(PyExc_SystemExit) ||
		    PyErr_ExceptionMatches(PyExc_KeyboardInterrupt))
			Py_XSETREF(h->loop->fatal, PyErr_GetRaisedException());
		else
			PyErr_WriteUnraisable((PyObject *)h);
	}
	Py_XDECREF(done);
	Py_XDECREF(context);
	Py_XDECREF(message);
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
		if (result == NULL)
			failure_report(h);
		PyContext_Exit(context);
	} else {
		failure_report(h);
	}
	Py_XDECREF(result);
	Py_DECREF(callback);
	Py_XDECREF(args);
	Py_DECREF(context);
}

static struct pyb_handle *
handle_of(const struct io_job *job)
{
	return (struct pyb_handle *)((char *)(uintptr_t)job - offsetof(struct pyb_handle, job));
}

static void
handle_run(struct io_job *job)
{
	struct pyb_handle *h = handle_of(job);

	if (!h->cancelled) {
		if (h->loop->fatal == NULL)
			callback_call(h);
		else
			pyb_handle_push(h);	/* for the next run_forever() */
	}
	Py_DECREF(h);
}

/* A watch's handle: the FIFO borrows it from the watch. */
static void
watched_run(struct io_job *job)
{
	struct pyb_handle *h = handle_of(job);

	if (h->cancelled || h->loop->fatal != NULL)
		return;
	Py_INCREF(h);
	callback_call(h);
	Py_DECREF(h);
}

void
pyb_handle_push(struct pyb_handle *h)
{
	if (h->job.queued)
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
		io_turn_remove(loop->turn, &h->job);
		Py_DECREF(h);
	}
}

struct pyb_handle *
pyb_handle_new(struct pyb_loop *loop, PyObject *callback, PyObject *const *args,
    Py_ssize_t n_args, PyObject *context, PyTypeObject *type)
{
	struct pyb_handle *h = PyObject_GC_New(struct pyb_handle, type);

	if (h == NULL)
		return NULL;
	memset((char *)h + sizeof(PyObject), 0, (size_t)type->tp_basicsize - sizeof(PyObject));
	h->loop = (struct pyb_loop *)Py_NewRef((PyObject *)loop);
	h->callback = Py_NewRef(callback);
	h->context = context != NULL ? Py_NewRef(context) : PyContext_CopyCurrent();
	if (n_args > 0) {
		h->args = PyTuple_New(n_args);
		for (Py_ssize_t i = 0; h->args != NULL && i < n_args; i++)
			PyTuple_SET_ITEM(h->args, i, Py_NewRef(args[i]));
	}
	PyObject_GC_Track((PyObject *)h);
	if (h->context == NULL || (n_args > 0 && h->args == NULL))
		Py_CLEAR(h);
	return h;
}

void
pyb_handle_cancel(struct pyb_handle *h)
{
	h->cancelled = true;
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
handle_repr(PyObject *self)
{
	struct pyb_handle *h = (struct pyb_handle *)self;

	return PyUnicode_FromFormat("<%s%s %R>", Py_TYPE(self)->tp_name,
	    h->cancelled ? " cancelled" : "", h->callback != NULL ? h->callback : Py_None);
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
	return 0;
}

int
pyb_handle_clear(PyObject *self)
{
	struct pyb_handle *h = (struct pyb_handle *)self;

	Py_CLEAR(h->callback);
	Py_CLEAR(h->args);
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
	Py_CLEAR(h->context);
	Py_CLEAR(h->loop);
	type->tp_free(self);
	Py_DECREF(type);
}

static PyMethodDef handle_methods[] = {
	{ "cancel", handle_cancel, METH_NOARGS, "Do not call it any more." },
	{ "cancelled", handle_cancelled, METH_NOARGS, "Was it cancelled?" },
	{ "get_context", handle_get_context, METH_NOARGS, "The context it runs in." },
	{ NULL, NULL, 0, NULL }
};

static PyMemberDef handle_members[] = {
	{ "_callback", T_OBJECT, offsetof(struct pyb_handle, callback), READONLY, NULL },
	{ "_args", T_OBJECT, offsetof(struct pyb_handle, args), READONLY, NULL },
	{ "_context", T_OBJECT, offsetof(struct pyb_handle, context), READONLY, NULL },
	{ "_loop", T_OBJECT, offsetof(struct pyb_handle, loop), READONLY, NULL },
	{ "_cancelled", T_BOOL, offsetof(struct pyb_handle, cancelled), READONLY, NULL },
	{ "__weaklistoffset__", T_PYSSIZET, offsetof(struct pyb_handle, weakrefs), READONLY, NULL },
	{ NULL, 0, 0, 0, NULL }
};

static PyType_Slot handle_slots[] = {
	{ Py_tp_dealloc, pyb_handle_dealloc },
	{ Py_tp_traverse, pyb_handle_traverse },
	{ Py_tp_clear, pyb_handle_clear },
	{ Py_tp_repr, handle_repr },
	{ Py_tp_methods, handle_methods },
	{ Py_tp_members, handle_members },
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
	return (PyTypeObject *)PyType_FromModuleAndSpec(module, &handle_spec, NULL);
}
