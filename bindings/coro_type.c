/*
 * coro_type: what Python reads of a coroutine, and its end.
 *
 * Called by engine/module.c (the type). A coroutine that stands for one of Python's looks like one as
 * far as that can be: it has no frame and no code.
 */
#include <Python.h>
#include <structmember.h>

#include "bindings/compat.h"
#include "bindings/coro_body.h"

static PyObject *
coro_self(PyObject *self)
{
	return Py_NewRef(self);
}

static PyObject *
coro_repr(PyObject *self)
{
	struct pyb_coro *c = (struct pyb_coro *)self;

	return PyUnicode_FromFormat("<fastrapi %s coroutine at %p>",
	    c->finished ? "finished" : c->class->name, self);
}

static int
coro_traverse(PyObject *self, visitproc visit, void *arg)
{
	struct pyb_coro *c = (struct pyb_coro *)self;

	Py_VISIT(Py_TYPE(self));
	Py_VISIT(c->inner);
	Py_VISIT(c->again);
	if (!c->finished && c->class->traverse != NULL)
		return c->class->traverse(c->arg, visit, arg);
	return 0;
}

static int
coro_clear(PyObject *self)
{
	struct pyb_coro *c = (struct pyb_coro *)self;

	if (!c->running)
		pyb_coro_finish(c);
	return 0;
}

/* As CPython does for one of its own that nobody has awaited. Leaves no exception of its own. */
static void
coro_finalize(PyObject *self)
{
	struct pyb_coro *c = (struct pyb_coro *)self;
	PyObject *pending, *warnings, *done = NULL;

	if (!c->like || !pyb_coro_body_is_new(c))
		return;
	pending = PyErr_GetRaisedException();
	warnings = PyImport_ImportModule("warnings");
	if (warnings != NULL)
		done = PyObject_CallMethod(warnings, "_warn_unawaited_coroutine", "O", self);
	if (done == NULL)
		PyErr_WriteUnraisable(self);
	Py_XDECREF(done);
	Py_XDECREF(warnings);
	if (pending != NULL)
		PyErr_SetRaisedException(pending);
}

static void
coro_dealloc(PyObject *self)
{
	struct pyb_coro *c = (struct pyb_coro *)self;
	PyTypeObject *type = Py_TYPE(self);
	PyObject *pending;

	if (c->like && pyb_coro_body_is_new(c) && PyObject_CallFinalizerFromDealloc(self) < 0)
		return;
	PyObject_GC_UnTrack(self);
	pending = PyErr_GetRaisedException();
	pyb_coro_finish(c);
	if (pending != NULL)
		PyErr_SetRaisedException(pending);
	type->tp_free(self);
	Py_DECREF(type);
}

static PyObject *
coro_suspended(PyObject *self, void *Py_UNUSED(closure))
{
	struct pyb_coro *c = (struct pyb_coro *)self;

	return PyBool_FromLong(!c->running && c->inner != NULL);
}

static PyObject *
coro_none(PyObject *Py_UNUSED(self), void *Py_UNUSED(closure))
{
	Py_RETURN_NONE;
}

static PyObject *
coro_qualified_name(PyObject *self, void *Py_UNUSED(closure))
{
	return PyUnicode_FromString(((struct pyb_coro *)self)->class->name);
}

static PyObject *
coro_name(PyObject *self, void *Py_UNUSED(closure))
{
	const char *name = ((struct pyb_coro *)self)->class->name, *last = strrchr(name, '.');

	return PyUnicode_FromString(last != NULL ? last + 1 : name);
}

static PyObject *
coro_class(PyObject *self, void *Py_UNUSED(closure))
{
	struct pyb_coro *c = (struct pyb_coro *)self;

	return Py_NewRef((PyObject *)(c->like ? &PyCoro_Type : Py_TYPE(self)));
}

/* The state, as inspect.getcoroutinestate() reads it: anyio asks before it cancels a task; and what
 * others ask a coroutine of Python's. */
static PyGetSetDef coro_getset[] = {
	{ "__class__", coro_class, NULL, NULL, NULL },
	{ "__name__", coro_name, NULL, NULL, NULL },
	{ "__qualname__", coro_qualified_name, NULL, NULL, NULL },
	{ "cr_origin", coro_none, NULL, NULL, NULL },
	{ "cr_code", coro_none, NULL, NULL, NULL },
	{ "cr_suspended", coro_suspended, NULL, NULL, NULL },
	{ "cr_frame", coro_none, NULL, NULL, NULL },
	{ NULL, NULL, NULL, NULL, NULL }
};

static PyMemberDef coro_members[] = {
	{ "cr_running", T_BOOL, offsetof(struct pyb_coro, running), READONLY, NULL },
	{ "cr_await", T_OBJECT, offsetof(struct pyb_coro, inner), READONLY, NULL },
	{ NULL, 0, 0, 0, NULL }
};

static PyType_Slot coro_slots[] = {
	{ Py_tp_dealloc, coro_dealloc },
	{ Py_tp_finalize, coro_finalize },
	{ Py_tp_traverse, coro_traverse },
	{ Py_tp_clear, coro_clear },
	{ Py_tp_repr, coro_repr },
	{ Py_tp_iter, coro_self },
	{ Py_tp_iternext, pyb_coro_next },
	{ Py_tp_methods, pyb_coro_methods },
	{ Py_tp_getset, coro_getset },
	{ Py_tp_members, coro_members },
	{ Py_am_await, coro_self },
	{ Py_am_send, pyb_coro_am_send },
	{ 0, NULL }
};

static PyType_Spec coro_spec = {
	.name = "fastrapi._engine.Coroutine",
	.basicsize = sizeof(struct pyb_coro),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
	    Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
	.slots = coro_slots,
};

PyTypeObject *
pyb_coro_type_new(PyObject *module)
{
	return (PyTypeObject *)PyType_FromModuleAndSpec(module, &coro_spec, NULL);
}
