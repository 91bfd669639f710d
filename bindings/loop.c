/*
 * loop: scheduling and running.
 *
 * The C base of fastrapi.EventLoop. run_turns() is the heart of a worker: all
 * HTTP and all asyncio work of the process passes through it. While it polls
 * and flushes the interpreter is released.
 */
#include "bindings/loop.h"

#include <stddef.h>
#include <time.h>

#include "bindings/compat.h"

static struct pyb_loop *
open_loop(PyObject *self)
{
	struct pyb_loop *loop = (struct pyb_loop *)self;

	if (loop->turn != NULL)
		return loop;
	PyErr_SetString(PyExc_RuntimeError, "Event loop is closed");
	return NULL;
}

struct io_turn *
pyb_loop_turn(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);
	PyObject *module = NULL;

	for (Py_ssize_t i = 0; type->tp_mro != NULL && i < PyTuple_GET_SIZE(type->tp_mro); i++) {
		PyTypeObject *base = (PyTypeObject *)PyTuple_GET_ITEM(type->tp_mro, i);

		if (strcmp(base->tp_name, "fastrapi._engine.LoopBase") == 0)
			module = (PyObject *)base;
	}
	if (module == NULL) {
		PyErr_Format(PyExc_TypeError, "a fastrapi.EventLoop must be running, not %.100s",
		    type->tp_name);
		return NULL;
	}
	return open_loop(self) != NULL ? ((struct pyb_loop *)self)->turn : NULL;
}

/* The context= of a scheduling call; *n positional arguments are left. */
static int
context_take(PyObject *const *args, Py_ssize_t n, PyObject *names, PyObject **context)
{
	*context = NULL;
	if (names == NULL || PyTuple_GET_SIZE(names) == 0)
		return 0;
	if (PyTuple_GET_SIZE(names) > 1 ||
	    PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "context") != 0) {
		PyErr_Format(PyExc_TypeError, "unexpected keyword argument %R",
		    PyTuple_GET_ITEM(names, 0));
		return -1;
	}
	if (args[n] != Py_None)
		*context = args[n];
	return 0;
}

static int
callback_check(PyObject *callback)
{
	if (PyCallable_Check(callback) && !PyCoro_CheckExact(callback))
		return 0;
	PyErr_Format(PyExc_TypeError, "a callable object was expected, got %R", callback);
	return -1;
}

/* From another thread: kept apart until the loop's thread has the interpreter,
 * because the FIFO is touched without it. */
static void
foreign_add(struct pyb_loop *loop, struct pyb_handle *h)
{
	Py_INCREF(h);
	h->next = NULL;
	if (loop->foreign_last != NULL)
		loop->foreign_last->next = h;
	else
		loop->foreign_first = h;
	loop->foreign_last = h;
}

static void
foreign_take(struct pyb_loop *loop)
{
	struct pyb_handle *h = loop->foreign_first;

	loop->foreign_first = loop->foreign_last = NULL;
	while (h != NULL) {
		struct pyb_handle *next = h->next;

		h->next = NULL;
		pyb_handle_push(h);
		Py_DECREF(h);
		h = next;
	}
}

static PyObject *
soon(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *names, bool threadsafe)
{
	struct pyb_loop *loop = open_loop(self);
	struct pyb_handle *h;
	PyObject *context;
	bool foreign;

	if (loop == NULL || context_take(args, n, names, &context) < 0)
		return NULL;
	if (n < 1)
		return PyErr_Format(PyExc_TypeError, "a callback is wanted");
	if (loop->eager != NULL && n == 1 && pyb_eager_catch(loop, args[0], context))
		Py_RETURN_NONE;
	if (callback_check(args[0]) < 0)
		return NULL;
	h = pyb_handle_new(loop, args[0], args + 1, n - 1, context, loop->st->handle_type);
	if (h == NULL)
		return NULL;
	foreign = loop->thread != 0 && loop->thread != PyThread_get_thread_ident();
	if (foreign)
		foreign_add(loop, h);
	else
		pyb_handle_push(h);
	if (foreign || threadsafe)
		io_turn_wake(loop->turn);
	return (PyObject *)h;
}

static PyObject *
loop_call_soon(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *names)
{
	return soon(self, args, n, names, false);
}

static PyObject *
loop_call_soon_threadsafe(PyObject *self, PyObject *const *args, Py_ssize_t n,
    PyObject *names)
{
	return soon(self, args, n, names, true);
}

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static PyObject *
at(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *names, double base)
{
	struct pyb_loop *loop = open_loop(self);
	struct pyb_handle *h;
	PyObject *context;
	double when;

	if (loop == NULL || context_take(args, n, names, &context) < 0)
		return NULL;
	if (n < 2 || args[0] == Py_None)
		return PyErr_Format(PyExc_TypeError, "a time and a callback are wanted");
	when = PyFloat_AsDouble(args[0]);
	if ((when == -1.0 && PyErr_Occurred()) || callback_check(args[1]) < 0)
		return NULL;
	h = pyb_handle_new(loop, args[1], args + 2, n - 2, context,
	    loop->st->timer_handle_type);
	if (h == NULL)
		return NULL;
	h->when = base + when;
	pyb_handle_schedule(h);
	return (PyObject *)h;
}

static PyObject *
loop_call_later(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *names)
{
	return at(self, args, n, names, now());
}

static PyObject *
loop_call_at(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *names)
{
	return at(self, args, n, names, 0.0);
}

static PyObject *
loop_time(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(ignored))
{
	return PyFloat_FromDouble(now());
}

static PyObject *
loop_stop(PyObject *self, PyObject *Py_UNUSED(ignored))
{
	struct pyb_loop *loop = (struct pyb_loop *)self;

	loop->stopping = true;
	if (loop->turn != NULL && loop->thread != PyThread_get_thread_ident())
		io_turn_wake(loop->turn);
	Py_RETURN_NONE;
}

/* Turns until stop(): the interpreter is held only while jobs run. */
static PyObject *
loop_run_turns(PyObject *self, PyObject *Py_UNUSED(ignored))
{
	struct pyb_loop *loop = open_loop(self);
	struct io_turn *turn;
	int rc = 0;

	if (loop == NULL)
		return NULL;
	turn = loop->turn;
	loop->thread = PyThread_get_thread_ident();
	do {
		bool block;

		/* In this order: a thread that comes after foreign_take() must find
		 * that its wake-up is wanted. */
		io_turn_prepare(turn);
		foreign_take(loop);
		block = !loop->stopping;
		Py_BEGIN_ALLOW_THREADS
		io_turn_flush(turn);
		rc = io_turn_poll(turn, block);
		Py_END_ALLOW_THREADS
		if (rc < 0 || (rc = PyErr_CheckSignals()) < 0)
			break;
		foreign_take(loop);
		io_turn_run(turn);
	} while (!loop->stopping && loop->fatal == NULL);
	loop->thread = 0;
	loop->stopping = false;
	Py_BEGIN_ALLOW_THREADS
	io_turn_flush(turn);
	Py_END_ALLOW_THREADS
	if (loop->fatal != NULL && !PyErr_Occurred()) {
		PyErr_SetRaisedException(loop->fatal);
		loop->fatal = NULL;
	} else if (rc < 0 && !PyErr_Occurred()) {
		PyErr_SetFromErrno(PyExc_OSError);
	}
	if (PyErr_Occurred())
		return NULL;
	Py_RETURN_NONE;
}

/* _open(): called by EventLoop.__init__ before asyncio's own. */
static PyObject *
loop_open(PyObject *self, PyObject *Py_UNUSED(ignored))
{
	struct pyb_loop *loop = (struct pyb_loop *)self;

	if (loop->turn == NULL)
		loop->turn = io_turn_new();
	if (loop->turn == NULL)
		return PyErr_SetFromErrno(PyExc_OSError);
	Py_RETURN_NONE;
}

/* _shut(): the last thing close() does. */
static PyObject *
loop_shut(PyObject *self, PyObject *Py_UNUSED(ignored))
{
	struct pyb_loop *loop = (struct pyb_loop *)self;

	if (loop->turn == NULL)
		Py_RETURN_NONE;
	loop->closing = true;
	foreign_take(loop);
	pyb_watch_clear(loop);
	pyb_handle_timers_clear(loop);
	io_turn_run(loop->turn);
	io_turn_free(loop->turn);
	loop->turn = NULL;
	Py_RETURN_NONE;
}

static PyObject *
loop_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
	struct pyb_loop *loop = (struct pyb_loop *)type->tp_alloc(type, 0);
	PyObject *module = loop != NULL ? PyImport_ImportModule("fastrapi._engine") : NULL;

	if (module == NULL) {
		Py_XDECREF(loop);
		return NULL;
	}
	loop->st = PyModule_GetState(module);
	Py_DECREF(module);
	return (PyObject *)loop;
}

static int
loop_traverse(PyObject *self, visitproc visit, void *arg)
{
	struct pyb_loop *loop = (struct pyb_loop *)self;

	Py_VISIT(Py_TYPE(self));
	Py_VISIT(loop->fatal);
	for (int i = 0; i < loop->n_watches; i++) {
		if (loop->watches[i] == NULL)
			continue;
		Py_VISIT(loop->watches[i]->reader);
		Py_VISIT(loop->watches[i]->writer);
	}
	for (struct pyb_handle *h = loop->timers; h != NULL; h = h->timer_next)
		Py_VISIT(h);
	return 0;
}

static int
loop_clear(PyObject *self)
{
	Py_CLEAR(((struct pyb_loop *)self)->fatal);
	return 0;
}

static void
loop_dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);
	PyObject *done;

	PyObject_GC_UnTrack(self);
	loop_clear(self);
	done = loop_shut(self, NULL);
	Py_XDECREF(done);
	type->tp_free(self);
	Py_DECREF(type);
}

#define FAST(function) ((PyCFunction)(void (*)(void))(function))

static PyMethodDef loop_methods[] = {
	{ "call_soon", FAST(loop_call_soon), METH_FASTCALL | METH_KEYWORDS,
	    "call_soon(callback, *args, context=None)" },
	{ "call_soon_threadsafe", FAST(loop_call_soon_threadsafe),
	    METH_FASTCALL | METH_KEYWORDS, "call_soon() from any thread." },
	{ "call_later", FAST(loop_call_later), METH_FASTCALL | METH_KEYWORDS,
	    "call_later(delay, callback, *args, context=None)" },
	{ "call_at", FAST(loop_call_at), METH_FASTCALL | METH_KEYWORDS,
	    "call_at(when, callback, *args, context=None)" },
	{ "time", loop_time, METH_NOARGS, "The monotonic clock in seconds." },
	{ "stop", loop_stop, METH_NOARGS, "Let run_forever() return after this turn." },
	{ "_run_turns", loop_run_turns, METH_NOARGS, NULL },
	{ "_open", loop_open, METH_NOARGS, NULL },
	{ "_shut", loop_shut, METH_NOARGS, NULL },
	{ NULL, NULL, 0, NULL }
};

static PyType_Slot loop_slots[] = {
	{ Py_tp_new, loop_new },
	{ Py_tp_dealloc, loop_dealloc },
	{ Py_tp_traverse, loop_traverse },
	{ Py_tp_clear, loop_clear },
	{ Py_tp_methods, loop_methods },
	{ 0, NULL }
};

static PyType_Spec loop_spec = {
	.name = "fastrapi._engine.LoopBase",
	.basicsize = sizeof(struct pyb_loop),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
	.slots = loop_slots,
};

PyTypeObject *
pyb_loop_type_new(PyObject *module)
{
	PyTypeObject *type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &loop_spec, NULL);

	for (PyMethodDef *m = pyb_watch_methods; type != NULL && m->ml_name != NULL; m++) {
		PyObject *method = PyDescr_NewMethod(type, m);

		if (method == NULL || PyObject_SetAttrString((PyObject *)type, m->ml_name,
		    method) < 0)
			Py_CLEAR(type);
		Py_XDECREF(method);
	}
	return type;
}
