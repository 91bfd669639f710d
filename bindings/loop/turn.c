/*
 * turn: an awaitable that yields once.
 *
 * Called by plan/ and stack/, where Starlette and anyio have a checkpoint, and by
 * engine/ (the type). A task that awaits it goes on in the loop's next turn.
 */
#include "bindings/loop/turn.h"

#include <stdbool.h>

struct turn {
	PyObject_HEAD
	bool taken;
};

static PyObject *
turn_self(PyObject *self)
{
	return Py_NewRef(self);
}

static PySendResult
turn_send(PyObject *self, PyObject *Py_UNUSED(value), PyObject **result)
{
	struct turn *t = (struct turn *)self;
	PySendResult sent = t->taken ? PYGEN_RETURN : PYGEN_NEXT;

	t->taken = true;
	*result = Py_NewRef(Py_None);
	return sent;
}

static PyObject *
turn_next(PyObject *self)
{
	struct turn *t = (struct turn *)self;

	if (t->taken)
		return NULL;
	t->taken = true;
	return Py_NewRef(Py_None);
}

static void
turn_dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);

	PyObject_Free(self);
	Py_DECREF(type);
}

PyObject *
pyb_turn_new(struct pyb_module_state *st)
{
	struct turn *t = PyObject_New(struct turn, st->turn_type);

	if (t != NULL)
		t->taken = false;
	return (PyObject *)t;
}

static PyType_Slot turn_slots[] = {
	{ Py_tp_dealloc, turn_dealloc },
	{ Py_tp_iter, turn_self },
	{ Py_tp_iternext, turn_next },
	{ Py_am_await, turn_self },
	{ Py_am_send, turn_send },
	{ Py_tp_doc, "Awaiting it takes one turn of the loop." },
	{ 0, NULL }
};

static PyType_Spec turn_spec = {
	.name = "fastrapi._engine.Turn",
	.basicsize = sizeof(struct turn),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION |
	    Py_TPFLAGS_IMMUTABLETYPE,
	.slots = turn_slots,
};

PyTypeObject *
pyb_turn_type_new(PyObject *module)
{
	return (PyTypeObject *)PyType_FromModuleAndSpec(module, &turn_spec, NULL);
}
