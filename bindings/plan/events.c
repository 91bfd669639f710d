/*
 * events: the Python type Events.
 *
 * Called by engine/ (the type). FastAPI's handler awaits its coroutines (event_tasks.c) in the
 * tasks of a group, and pieces.c takes from it as from any iterator.
 */
#include "bindings/plan/events.h"

#include "bindings/coro.h"
#include "bindings/loop/turn.h"
#include "bindings/plan/event_tasks.h"

/* __anext__() */
struct next {
	struct pyb_events *e;		/* strong */
	enum { NEW, TURN, RECEIVE } phase;
	enum pyb_channel_at at;		/* while RECEIVE */
};

/* After an event FastAPI takes a turn more. */
static enum pyb_coro_verdict
next_step(void *arg, PyObject *value, PyObject **out)
{
	struct next *p = arg;
	struct pyb_events *e = p->e;
	enum pyb_coro_verdict verdict;

	if (value == NULL && p->phase != RECEIVE)
		return PYB_CORO_ERROR;
	if (p->phase == NEW && e->begun) {
		p->phase = TURN;
		*out = pyb_turn_new(e->st);
		return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
	}
	p->phase = RECEIVE;
	e->begun = true;
	verdict = pyb_channel_receive(&e->sent, e->st, e->loop, &p->at, value, out);
	if (verdict != PYB_CORO_RETURN || *out != NULL)
		return verdict;
	PyErr_SetNone(PyExc_StopAsyncIteration);
	return PYB_CORO_ERROR;
}

static void
next_release(void *arg)
{
	struct next *p = arg;

	Py_CLEAR(p->e);
	PyMem_Free(p);
}

static int
next_traverse(void *arg, visitproc visit, void *varg)
{
	return visit((PyObject *)((struct next *)arg)->e, varg);
}

static PyObject *
events_next(PyObject *self)
{
	static const struct pyb_coro_class class = {
		"event", next_step, next_release, next_traverse
	};

	struct next *p = PyMem_Calloc(1, sizeof(*p));

	if (p == NULL)
		return PyErr_NoMemory();
	p->e = (struct pyb_events *)Py_NewRef(self);
	return pyb_coro_new(p->e->st, &class, p);
}

static PyObject *
events_self(PyObject *self)
{
	return Py_NewRef(self);
}

static PyObject *
events_produce(PyObject *self, PyObject *Py_UNUSED(ignored))
{
	return pyb_event_tasks_produce(self);
}

static PyObject *
events_insert(PyObject *self, PyObject *Py_UNUSED(ignored))
{
	return pyb_event_tasks_insert(self);
}

static PyObject *
events_ring(PyObject *self, PyObject *Py_UNUSED(ignored))
{
	return pyb_event_tasks_ring((struct pyb_events *)self) < 0 ? NULL : Py_NewRef(Py_None);
}

/* close(): the stream has ended. */
static PyObject *
events_close(PyObject *self, PyObject *Py_UNUSED(ignored))
{
	struct pyb_events *e = (struct pyb_events *)self;

	if (!e->sent.no_receiver && pyb_channel_close_receiver(&e->sent, e->st) < 0)
		return NULL;
	Py_RETURN_NONE;
}

static int
events_traverse(PyObject *self, visitproc visit, void *arg)
{
	struct pyb_events *e = (struct pyb_events *)self;

	Py_VISIT(Py_TYPE(self));
	Py_VISIT(e->loop);
	Py_VISIT(e->items);
	Py_VISIT(e->serialize);
	Py_VISIT(e->ping);
	Py_VISIT(e->timer);
	if (pyb_channel_traverse(&e->made, visit, arg) != 0)
		return 1;
	return pyb_channel_traverse(&e->sent, visit, arg);
}

static int
events_clear(PyObject *self)
{
	struct pyb_events *e = (struct pyb_events *)self;

	Py_CLEAR(e->loop);
	Py_CLEAR(e->items);
	Py_CLEAR(e->serialize);
	Py_CLEAR(e->ping);
	Py_CLEAR(e->timer);
	pyb_channel_clear(&e->made);
	pyb_channel_clear(&e->sent);
	return 0;
}

static void
events_dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);

	PyObject_GC_UnTrack(self);
	events_clear(self);
	type->tp_free(self);
	Py_DECREF(type);
}

/* Events(loop, items, serialize, ping, interval) */
static PyObject *
events_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
	struct pyb_module_state *st = PyType_GetModuleState(type);
	PyObject *loop, *items, *serialize, *ping;
	struct pyb_events *e;
	double interval;

	if (!PyArg_ParseTuple(args, "O!OOSd:Events", st->loop_type, &loop, &items, &serialize, &ping,
	    &interval))
		return NULL;
	if (pyb_module_state_load(st) < 0 || pyb_module_state_load_fastapi(st) < 0)
		return NULL;
	e = (struct pyb_events *)type->tp_alloc(type, 0);
	if (e == NULL)
		return NULL;
	e->st = st;
	e->loop = Py_NewRef(loop);
	e->items = Py_NewRef(items);
	e->serialize = Py_NewRef(serialize);
	e->ping = Py_NewRef(ping);
	e->interval = interval;
	return (PyObject *)e;
}

static PyMethodDef events_methods[] = {
	{ "produce", events_produce, METH_NOARGS,
	    "produce() -> a coroutine that asks the endpoint for its events." },
	{ "insert", events_insert, METH_NOARGS,
	    "insert() -> a coroutine that hands them on, with a ping after each silence." },
	{ "ring", events_ring, METH_NOARGS, "ring(): the time of the next ping." },
	{ "close", events_close, METH_NOARGS, "close(): no event is taken any more." },
	{ NULL, NULL, 0, NULL }
};

static PyType_Slot events_slots[] = {
	{ Py_tp_new, events_new },
	{ Py_tp_dealloc, events_dealloc },
	{ Py_tp_traverse, events_traverse },
	{ Py_tp_clear, events_clear },
	{ Py_tp_methods, events_methods },
	{ Py_am_aiter, events_self },
	{ Py_am_anext, events_next },
	{ Py_tp_doc, "Events(loop, items, serialize, ping, interval): an iterator of what is sent." },
	{ 0, NULL }
};

static PyType_Spec events_spec = {
	.name = "fastrapi._engine.Events",
	.basicsize = sizeof(struct pyb_events),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
	.slots = events_slots,
};

PyTypeObject *
pyb_events_type_new(PyObject *module)
{
	return (PyTypeObject *)PyType_FromModuleAndSpec(module, &events_spec, NULL);
}
