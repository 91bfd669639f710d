/*
 * loop: the life and the turns of an event loop.
 *
 * Called by the rest of loop/ and by engine/ (the type). The C base of
 * fastrapi.EventLoop. All HTTP and all asyncio work of a worker passes through
 * _run_turns(), which holds the interpreter only while jobs run: polling and flushing
 * must never need it.
 */
#include "bindings/loop/loop.h"

#include <stddef.h>

#include "bindings/compat.h"
#include "bindings/loop/local.h"
#include "bindings/loop/timer.h"

struct pyb_loop *
pyb_loop_alive(PyObject *self)
{
	struct pyb_loop *loop = (struct pyb_loop *)self;

	if (loop->turn != NULL && !loop->closing)
		return loop;
	PyErr_SetString(PyExc_RuntimeError, "Event loop is closed");
	return NULL;
}

struct io_turn *
pyb_loop_turn(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);
	bool found = false;

	for (Py_ssize_t i = 0; type->tp_mro != NULL && i < PyTuple_GET_SIZE(type->tp_mro); i++) {
		PyTypeObject *base = (PyTypeObject *)PyTuple_GET_ITEM(type->tp_mro, i);

		if (strcmp(base->tp_name, "fastrapi._engine.LoopBase") == 0)
			found = true;
	}
	if (!found) {
		PyErr_Format(PyExc_TypeError, "a fastrapi.EventLoop must be running, not %.100s",
		    type->tp_name);
		return NULL;
	}
	return pyb_loop_alive(self) != NULL ? ((struct pyb_loop *)self)->turn : NULL;
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

/* One turn. 0; -1 with an exception set. */
static int
turn_once(struct pyb_loop *loop)
{
	struct io_turn *turn = loop->turn;
	bool block;
	int rc;

	/* In this order: a thread that schedules after pyb_schedule_take_foreign() must end
	 * the poll. */
	io_turn_prepare(turn);
	pyb_schedule_take_foreign(loop);
	block = !loop->stopping && !io_turn_pending(turn);
	if (block)
		io_deadlines_arm(&loop->deadlines);
	Py_BEGIN_ALLOW_THREADS
	io_turn_flush(turn);
	rc = io_turn_poll(turn, block);
	Py_END_ALLOW_THREADS
	if (rc < 0) {
		PyErr_SetFromErrno(PyExc_OSError);
		return -1;
	}
	if (PyErr_CheckSignals() < 0)
		return -1;
	pyb_schedule_take_foreign(loop);
	pyb_timers_queue(loop);
	io_turn_run(turn);
	return 0;
}

/* Raise what a callback has ended the loop with. 0: nothing; -1 with an exception set. */
static int
fatal_raise(struct pyb_loop *loop)
{
	PyObject *fatal = loop->fatal;

	if (fatal == NULL)
		return 0;
	loop->fatal = NULL;
	PyErr_SetRaisedException(fatal);
	return -1;
}

/* _run_turns(): turns until stop(). */
static PyObject *
loop_run_turns(PyObject *self, PyObject *Py_UNUSED(ignored))
{
	struct pyb_loop *loop = pyb_loop_alive(self);
	int rc;

	if (loop == NULL)
		return NULL;
	loop->thread = PyThread_get_thread_ident();
	do
		rc = turn_once(loop);
	while (rc == 0 && !loop->stopping && loop->fatal == NULL);
	/* loop->thread stays set until here: other threads may not touch the FIFO. */
	Py_BEGIN_ALLOW_THREADS
	io_turn_flush(loop->turn);
	Py_END_ALLOW_THREADS
	loop->thread = 0;
	loop->stopping = false;
	if (rc < 0 || fatal_raise(loop) < 0)
		return NULL;
	Py_RETURN_NONE;
}

/* _run_inside(done): turns inside a callback of a turn, until stop() or until done() is
 * true. stop() then ends the turns around them, too. */
static PyObject *
loop_run_inside(PyObject *self, PyObject *done)
{
	struct pyb_loop *loop = pyb_loop_alive(self);
	int ended = 0;

	if (loop == NULL)
		return NULL;
	if (loop->thread != PyThread_get_thread_ident())
		return PyErr_Format(PyExc_RuntimeError, "This event loop is already running");
	while (ended == 0 && !loop->stopping) {
		PyObject *truth = PyObject_CallNoArgs(done);

		ended = truth != NULL ? PyObject_IsTrue(truth) : -1;
		Py_XDECREF(truth);
		if (ended == 0 && (turn_once(loop) < 0 || fatal_raise(loop) < 0))
			ended = -1;
	}
	if (ended < 0)
		return NULL;
	Py_RETURN_NONE;
}

/* _open(): EventLoop.__init__ calls it before asyncio's own __init__. */
static PyObject *
loop_open(PyObject *self, PyObject *Py_UNUSED(ignored))
{
	struct pyb_loop *loop = (struct pyb_loop *)self;

	if (loop->turn != NULL)
		Py_RETURN_NONE;
	loop->turn = io_turn_new();
	if (loop->turn == NULL)
		return PyErr_SetFromErrno(PyExc_OSError);
	if (io_deadlines_init(&loop->deadlines, loop->turn) < 0) {
		PyErr_SetFromErrno(PyExc_OSError);
		io_turn_free(loop->turn);
		loop->turn = NULL;
		return NULL;
	}
	Py_RETURN_NONE;
}

/* Drop every handle. None can be added from now on. */
static void
handles_drop(struct pyb_loop *loop)
{
	if (loop->turn == NULL || loop->abandoned)
		return;
	loop->closing = true;
	pyb_schedule_take_foreign(loop);
	pyb_descriptors_clear(loop);
	pyb_timers_clear(loop);
	pyb_handles_clear(loop);
}

static void
shut(struct pyb_loop *loop)
{
	handles_drop(loop);
	if (loop->turn == NULL || loop->abandoned)
		return;
	io_turn_run(loop->turn);
	io_deadlines_fini(&loop->deadlines);
	io_turn_free(loop->turn);
	loop->turn = NULL;
}

/* _shut(): the end of EventLoop.close(). */
static PyObject *
loop_shut(PyObject *self, PyObject *Py_UNUSED(ignored))
{
	shut((struct pyb_loop *)self);
	Py_RETURN_NONE;
}

/* _abandon(): this process is a fork of the loop's own. Whatever libevent did here would be
 * done to the epoll set of both: the copy is stopped, and its memory left alone. */
static PyObject *
loop_abandon(PyObject *self, PyObject *Py_UNUSED(ignored))
{
	struct pyb_loop *loop = (struct pyb_loop *)self;

	loop->abandoned = loop->closing = loop->stopping = true;
	if (loop->turn != NULL)
		io_turn_abandon(loop->turn);
	Py_RETURN_NONE;
}

static PyObject *
loop_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
	struct pyb_loop *loop = (struct pyb_loop *)type->tp_alloc(type, 0);
	PyObject *module;

	if (loop == NULL)
		return NULL;
	list_init(&loop->foreign);
	module = PyImport_ImportModule("fastrapi._engine");
	if (module == NULL) {
		Py_DECREF(loop);
		return NULL;
	}
	loop->st = PyModule_GetState(module);
	Py_DECREF(module);
	if (pyb_module_state_load(loop->st) < 0) {
		Py_DECREF(loop);
		return NULL;
	}
	return (PyObject *)loop;
}

static int
loop_traverse(PyObject *self, visitproc visit, void *arg)
{
	struct pyb_loop *loop = (struct pyb_loop *)self;
	int rc = 0;

	Py_VISIT(Py_TYPE(self));
	Py_VISIT(loop->fatal);
	for (int i = 0; i < loop->n_watches; i++) {
		if (loop->watches[i] == NULL)
			continue;
		Py_VISIT(loop->watches[i]->reader);
		Py_VISIT(loop->watches[i]->writer);
	}
	LIST_EACH(node, &loop->foreign)
		Py_VISIT(container_of(node, struct pyb_handle, foreign));
	/* A running loop is in use, and its thread may be pushing to the FIFO. */
	if (loop->turn != NULL && loop->thread == 0)
		rc = pyb_handles_traverse(loop, visit, arg);
	return rc != 0 ? rc : pyb_timers_traverse(loop, visit, arg);
}

static int
loop_clear(PyObject *self)
{
	struct pyb_loop *loop = (struct pyb_loop *)self;

	Py_CLEAR(loop->fatal);
	handles_drop(loop);
	return 0;
}

static void
loop_dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);

	PyObject_GC_UnTrack(self);
	loop_clear(self);
	shut((struct pyb_loop *)self);
	type->tp_free(self);
	Py_DECREF(type);
}

static PyObject *
loop_get_debug(PyObject *self, PyObject *Py_UNUSED(ignored))
{
	return PyBool_FromLong(((struct pyb_loop *)self)->debug);
}

static PyObject *
debug_get(PyObject *self, void *Py_UNUSED(closure))
{
	return loop_get_debug(self, NULL);
}

static int
debug_set(PyObject *self, PyObject *value, void *Py_UNUSED(closure))
{
	int debug = value != NULL ? PyObject_IsTrue(value) : 0;

	if (debug < 0)
		return -1;
	((struct pyb_loop *)self)->debug = debug;
	return 0;
}

static PyGetSetDef loop_getset[] = {
	{ "_debug", debug_get, debug_set, "asyncio keeps its debug mode here.", NULL },
	{ NULL, NULL, NULL, NULL, NULL }
};

static PyMethodDef loop_methods[] = {
	{ "get_debug", loop_get_debug, METH_NOARGS, "Is it in debug mode?" },
	{ "stop", loop_stop, METH_NOARGS, "Let run_forever() return after this turn." },
	{ "_run_turns", loop_run_turns, METH_NOARGS, NULL },
	{ "_run_inside", loop_run_inside, METH_O, NULL },
	{ "_open", loop_open, METH_NOARGS, NULL },
	{ "_shut", loop_shut, METH_NOARGS, NULL },
	{ "_abandon", loop_abandon, METH_NOARGS, NULL },
	{ NULL, NULL, 0, NULL }
};

static PyType_Slot loop_slots[] = {
	{ Py_tp_new, loop_new },
	{ Py_tp_dealloc, loop_dealloc },
	{ Py_tp_traverse, loop_traverse },
	{ Py_tp_clear, loop_clear },
	{ Py_tp_methods, loop_methods },
	{ Py_tp_getset, loop_getset },
	{ 0, NULL }
};

static PyType_Spec loop_spec = {
	.name = "fastrapi._engine.LoopBase",
	.basicsize = sizeof(struct pyb_loop),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
	.slots = loop_slots,
};

static int
methods_add(PyTypeObject *type, PyMethodDef *methods)
{
	for (PyMethodDef *m = methods; m->ml_name != NULL; m++) {
		PyObject *method = PyDescr_NewMethod(type, m);
		int rc = method != NULL ?
		    PyObject_SetAttrString((PyObject *)type, m->ml_name, method) : -1;

		Py_XDECREF(method);
		if (rc < 0)
			return -1;
	}
	return 0;
}

PyTypeObject *
pyb_loop_type_new(PyObject *module)
{
	PyTypeObject *type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &loop_spec, NULL);

	if (type != NULL && (methods_add(type, pyb_schedule_methods) < 0 ||
	    methods_add(type, pyb_descriptors_methods) < 0))
		Py_CLEAR(type);
	return type;
}
