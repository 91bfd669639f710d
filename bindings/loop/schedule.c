/*
 * schedule: the loop's methods that queue callbacks: call_soon() and its like.
 *
 * Called by loop.c, whose type has these methods. The FIFO is touched without the
 * interpreter, so no other thread may touch it: handles from other threads go to a list
 * of their own, which the loop's thread empties while it holds the interpreter.
 */
#include <math.h>

#include "base/clock.h"
#include "bindings/loop/loop.h"
#include "bindings/loop/timer.h"

enum { MAX_FIXED = 2 };

/* The arguments of a scheduling call, all borrowed. */
struct call {
	PyObject *fixed[MAX_FIXED];
	PyObject *const *rest;
	Py_ssize_t n_rest;
	PyObject *context;		/* NULL: a copy of the current one */
};

static int
keyword_take(struct call *call, const char *const *names, PyObject *name, PyObject *value)
{
	if (PyUnicode_CompareWithASCIIString(name, "context") == 0) {
		call->context = value != Py_None ? value : NULL;
		return 0;
	}
	for (int i = 0; i < MAX_FIXED && names[i] != NULL; i++) {
		if (PyUnicode_CompareWithASCIIString(name, names[i]) == 0 &&
		    call->fixed[i] == NULL) {
			call->fixed[i] = value;
			return 0;
		}
	}
	PyErr_Format(PyExc_TypeError, "unexpected keyword argument %R", name);
	return -1;
}

/* Read the arguments. The ones called `names` may come by position or by name. 0, or -1
 * with an exception set. */
static int
call_read(struct call *call, const char *const *names, PyObject *const *args, Py_ssize_t n,
    PyObject *keywords)
{
	Py_ssize_t n_keywords = keywords != NULL ? PyTuple_GET_SIZE(keywords) : 0;
	Py_ssize_t n_fixed = names[1] != NULL ? 2 : 1;

	*call = (struct call){ .rest = args + n_fixed };
	for (Py_ssize_t i = 0; i < n_fixed && i < n; i++)
		call->fixed[i] = args[i];
	if (n > n_fixed)
		call->n_rest = n - n_fixed;
	for (Py_ssize_t i = 0; i < n_keywords; i++)
		if (keyword_take(call, names, PyTuple_GET_ITEM(keywords, i), args[n + i]) < 0)
			return -1;
	for (Py_ssize_t i = 0; i < n_fixed; i++) {
		if (call->fixed[i] == NULL) {
			PyErr_Format(PyExc_TypeError, "missing argument '%s'", names[i]);
			return -1;
		}
	}
	return 0;
}

static void
foreign_add(struct pyb_loop *loop, struct pyb_handle *h)
{
	Py_INCREF(h);
	list_append(&loop->foreign, &h->foreign);
}

void
pyb_schedule_take_foreign(struct pyb_loop *loop)
{
	struct list_node *node;

	while ((node = list_take(&loop->foreign)) != NULL) {
		struct pyb_handle *h = container_of(node, struct pyb_handle, foreign);

		pyb_handle_push(h);
		Py_DECREF(h);
	}
}

/* Run asyncio's own checks, in debug mode only. 0, or -1 with an exception set. */
static int
debug_check(struct pyb_loop *loop, PyObject *callback, const char *method, bool threadsafe)
{
	PyObject *done = NULL;

	if (!loop->debug)
		return 0;
	if (!threadsafe) {
		done = PyObject_CallMethod((PyObject *)loop, "_check_thread", NULL);
		if (done == NULL)
			return -1;
		Py_DECREF(done);
	}
	done = PyObject_CallMethod((PyObject *)loop, "_check_callback", "Os", callback, method);
	Py_XDECREF(done);
	return done != NULL ? 0 : -1;
}

/* A handle of an abandoned loop is never called. A refusal would take the place of the
 * SystemExit with which a task of a fork ends: the task schedules its callbacks first. */
static PyObject *
schedule_soon(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *keywords, bool threadsafe)
{
	static const char *const names[MAX_FIXED] = { "callback" };
	struct pyb_loop *loop = (struct pyb_loop *)self;
	struct pyb_handle *h;
	struct call call;
	bool foreign;

	if (!loop->abandoned && pyb_loop_alive(self) == NULL)
		return NULL;
	if (call_read(&call, names, args, n, keywords) < 0)
		return NULL;
	if (loop->eager != NULL && n == 1 && pyb_eager_task_catch(loop, args[0], call.context))
		Py_RETURN_NONE;
	if (debug_check(loop, call.fixed[0],
	    threadsafe ? "call_soon_threadsafe" : "call_soon", threadsafe) < 0)
		return NULL;
	h = pyb_handle_new(loop, call.fixed[0], call.rest, call.n_rest, call.context,
	    loop->st->handle_type);
	if (h == NULL || loop->abandoned)
		return (PyObject *)h;
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
call_soon(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *keywords)
{
	return schedule_soon(self, args, n, keywords, false);
}

static PyObject *
call_soon_threadsafe(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *keywords)
{
	return schedule_soon(self, args, n, keywords, true);
}

/* call_at() with `base` 0, and call_later() with `base` now (seconds). */
static PyObject *
schedule_at(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *keywords,
    const char *const *names, double base)
{
	struct pyb_loop *loop = pyb_loop_alive(self);
	struct pyb_handle *h;
	struct call call;
	double when;

	if (loop == NULL || call_read(&call, names, args, n, keywords) < 0)
		return NULL;
	if (call.fixed[0] == Py_None)
		return PyErr_Format(PyExc_TypeError, "%s cannot be None", names[0]);
	when = PyFloat_AsDouble(call.fixed[0]);
	if ((when == -1.0 && PyErr_Occurred()) ||
	    debug_check(loop, call.fixed[1], "call_at", false) < 0)
		return NULL;
	/* NaN is due at once, as with asyncio. */
	when = isnan(when) ? clock_monotonic_s() : base + when;
	h = pyb_handle_new(loop, call.fixed[1], call.rest, call.n_rest, call.context,
	    loop->st->timer_handle_type);
	if (h != NULL && pyb_timer_start(h, when) < 0)
		Py_CLEAR(h);
	return (PyObject *)h;
}

static PyObject *
call_later(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *keywords)
{
	static const char *const names[MAX_FIXED] = { "delay", "callback" };

	return schedule_at(self, args, n, keywords, names, clock_monotonic_s());
}

static PyObject *
call_at(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *keywords)
{
	static const char *const names[MAX_FIXED] = { "when", "callback" };

	return schedule_at(self, args, n, keywords, names, 0.0);
}

static PyObject *
loop_time(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(ignored))
{
	return PyFloat_FromDouble(clock_monotonic_s());
}

PyMethodDef pyb_schedule_methods[] = {
	{ "call_soon", PYB_LOOP_FASTCALL(call_soon), METH_FASTCALL | METH_KEYWORDS,
	    "call_soon(callback, *args, context=None)" },
	{ "call_soon_threadsafe", PYB_LOOP_FASTCALL(call_soon_threadsafe),
	    METH_FASTCALL | METH_KEYWORDS, "call_soon() from any thread." },
	{ "call_later", PYB_LOOP_FASTCALL(call_later), METH_FASTCALL | METH_KEYWORDS,
	    "call_later(delay, callback, *args, context=None)" },
	{ "call_at", PYB_LOOP_FASTCALL(call_at), METH_FASTCALL | METH_KEYWORDS,
	    "call_at(when, callback, *args, context=None)" },
	{ "time", loop_time, METH_NOARGS, "The monotonic clock in seconds." },
	{ NULL, NULL, 0, NULL }
};
