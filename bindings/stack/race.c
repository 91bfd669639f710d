/*
 * race: the Python type Race, an iterator around a coroutine's.
 *
 * Called by receive.c, by passage.c when the answer has gone out, and by engine/ (the
 * type). It hands on what the coroutine yields, and remembers the future among it. A
 * cancelled future wakes the task as a cancellation of anyio's would; where the coroutine
 * waits for a turn only, CancelledError is thrown into it.
 */
#include "bindings/stack/race.h"

#include "bindings/awaitable.h"
#include "bindings/compat.h"
#include "bindings/loop/future.h"

struct race {
	PyObject_HEAD
	struct pyb_passage *p;		/* strong */
	PyObject *inner;		/* the coroutine's iterator; NULL once it has ended */
	PyObject *wanted;		/* the future that it waits for, or NULL */
	bool turn;			/* it waits for a turn of the loop */
	bool waited;			/* it has waited for a future */
	bool running;			/* it makes a step */
};

/* Cancel the future that it waits for. 0, or -1 with an exception set. */
static int
wanted_cancel(struct race *r)
{
	struct pyb_module_state *st = r->p->layer->st;
	PyObject *done;

	if (r->wanted == NULL)
		return 0;
	if ((PyObject *)Py_TYPE(r->wanted) == st->future_class)
		return pyb_future_resolve(st, r->wanted, st->n_cancel, NULL) < 0 ? -1 : 0;
	done = PyObject_CallMethodNoArgs(r->wanted, st->n_cancel);
	Py_XDECREF(done);
	return done == NULL ? -1 : 0;
}

/* The coroutine has yielded `wanted`. 0, or -1 with an exception set. */
static int
yielded(struct race *r, PyObject *wanted)
{
	r->turn = wanted == Py_None;
	if (r->turn)
		return 0;
	r->waited = true;
	r->wanted = Py_NewRef(wanted);
	return r->p->sent ? wanted_cancel(r) : 0;
}

static void
finish(struct race *r)
{
	PyObject *pending = PyErr_GetRaisedException();

	Py_CLEAR(r->inner);
	for (Py_ssize_t i = r->p->races != NULL ? PyList_GET_SIZE(r->p->races) : 0; i-- > 0;)
		if (PyList_GET_ITEM(r->p->races, i) == (PyObject *)r &&
		    PyList_SetSlice(r->p->races, i, i + 1, NULL) < 0)
			PyErr_Clear();
	if (pending != NULL)
		PyErr_SetRaisedException(pending);
}

/* What a step of the coroutine has come to. */
static PySendResult
stepped(struct race *r, PySendResult sent, PyObject **result)
{
	r->running = false;
	if (sent == PYGEN_NEXT && yielded(r, *result) == 0)
		return PYGEN_NEXT;
	if (sent == PYGEN_NEXT) {
		Py_CLEAR(*result);
		sent = PYGEN_ERROR;
	}
	finish(r);
	return sent;
}

/* Throw `exc` into the coroutine. */
static PySendResult
thrown(struct race *r, PyObject *exc, PyObject **result)
{
	PySendResult sent = pyb_awaitable_throw(r->inner, r->p->layer->st->n_throw, exc, result);

	return stepped(r, sent, result);
}

/* Begin another step. False, with an exception set: there is none. */
static bool
enter(struct race *r)
{
	if (r->running) {
		PyErr_SetString(PyExc_ValueError, "coroutine already executing");
		return false;
	}
	Py_CLEAR(r->wanted);
	r->running = r->inner != NULL;
	if (!r->running)
		PyErr_SetString(PyExc_RuntimeError, "cannot reuse already awaited coroutine");
	return r->running;
}

static PySendResult
race_send(PyObject *self, PyObject *value, PyObject **result)
{
	struct race *r = (struct race *)self;
	PySendResult sent;
	PyObject *exc;

	*result = NULL;
	if (!enter(r))
		return PYGEN_ERROR;
	if (!r->turn || !r->p->sent)
		return stepped(r, PyIter_Send(r->inner, value, result), result);
	exc = PyObject_CallNoArgs(r->p->layer->st->cancelled_error);
	if (exc == NULL) {
		r->running = false;
		return PYGEN_ERROR;
	}
	sent = thrown(r, exc, result);
	Py_DECREF(exc);
	return sent;
}

static PyObject *
race_next(PyObject *self)
{
	PyObject *result;
	PySendResult sent = race_send(self, Py_None, &result);

	return pyb_awaitable_method(sent, result);
}

/* throw(exc) */
static PyObject *
race_throw(PyObject *self, PyObject *exc)
{
	struct race *r = (struct race *)self;
	PyObject *result;
	PySendResult sent;

	if (!enter(r))
		return NULL;
	sent = thrown(r, exc, &result);
	return pyb_awaitable_method(sent, result);
}

static PyObject *
race_self(PyObject *self)
{
	return Py_NewRef(self);
}

PyObject *
pyb_race_new(struct pyb_passage *p, PyObject *coroutine)
{
	PyObject *inner = pyb_awaitable_iterator(coroutine);
	struct race *r;

	if (inner == NULL)
		return NULL;
	r = (struct race *)p->layer->st->race_type->tp_alloc(p->layer->st->race_type, 0);
	if (r == NULL) {
		Py_DECREF(inner);
		return NULL;
	}
	r->inner = inner;
	r->p = (struct pyb_passage *)Py_NewRef((PyObject *)p);
	if (pyb_passage_add(&p->races, (PyObject *)r) < 0)
		Py_CLEAR(r);
	return (PyObject *)r;
}

bool
pyb_race_has_waited(PyObject *race)
{
	return ((struct race *)race)->waited;
}

int
pyb_race_cancel(struct pyb_passage *p)
{
	PyObject *races = p->races != NULL ? PyList_AsTuple(p->races) : NULL;
	int rc = p->races != NULL && races == NULL ? -1 : 0;

	for (Py_ssize_t i = 0; rc == 0 && races != NULL && i < PyTuple_GET_SIZE(races); i++)
		rc = wanted_cancel((struct race *)PyTuple_GET_ITEM(races, i));
	Py_XDECREF(races);
	return rc;
}

static int
race_traverse(PyObject *self, visitproc visit, void *arg)
{
	struct race *r = (struct race *)self;

	Py_VISIT(Py_TYPE(self));
	Py_VISIT(r->p);
	Py_VISIT(r->inner);
	Py_VISIT(r->wanted);
	return 0;
}

static int
race_clear(PyObject *self)
{
	struct race *r = (struct race *)self;

	Py_CLEAR(r->inner);
	Py_CLEAR(r->wanted);
	Py_CLEAR(r->p);
	return 0;
}

static void
race_dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);

	PyObject_GC_UnTrack(self);
	race_clear(self);
	type->tp_free(self);
	Py_DECREF(type);
}

static PyMethodDef race_methods[] = {
	{ "throw", race_throw, METH_O, "Raise inside the coroutine." },
	{ NULL, NULL, 0, NULL }
};

static PyType_Slot race_slots[] = {
	{ Py_tp_dealloc, race_dealloc },
	{ Py_tp_traverse, race_traverse },
	{ Py_tp_clear, race_clear },
	{ Py_tp_iter, race_self },
	{ Py_tp_iternext, race_next },
	{ Py_tp_methods, race_methods },
	{ Py_am_await, race_self },
	{ Py_am_send, race_send },
	{ Py_tp_doc, "Awaiting what the client sends, until the answer has gone out." },
	{ 0, NULL }
};

static PyType_Spec race_spec = {
	.name = "fastrapi._engine.Race",
	.basicsize = sizeof(struct race),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION |
	    Py_TPFLAGS_IMMUTABLETYPE,
	.slots = race_slots,
};

PyTypeObject *
pyb_race_type_new(PyObject *module)
{
	return (PyTypeObject *)PyType_FromModuleAndSpec(module, &race_spec, NULL);
}
