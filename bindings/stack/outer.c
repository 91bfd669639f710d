/*
 * outer: the Python type Outer.
 *
 * Called by engine/ (the type). A binding that has an Outer gets its requests by it, with
 * receive and send of asgi/ alone: they know whether the answer has begun. Whatever the
 * layer raises must reach Python's own error layers.
 */
#include "bindings/stack/outer.h"

#include <structmember.h>

#include "base/must.h"
#include "bindings/asgi/asgi.h"
#include "bindings/compat.h"
#include "bindings/coro.h"

struct outer {
	PyObject_HEAD
	struct pyb_module_state *st;
	PyObject *app, *layer, *failed;
	vectorcallfunc call;
};

enum phase { NEW, LAYER, FAILED };

/* One request. */
struct entry {
	struct outer *outer;		/* strong */
	PyObject *scope, *receive, *send;
	enum phase phase;
};

static enum pyb_coro_verdict
begin(struct entry *e, PyObject **out)
{
	struct outer *o = e->outer;
	PyObject *args[] = { e->scope, e->receive, e->send };

	e->phase = LAYER;
	if (PyObject_SetItem(e->scope, o->st->n_app, o->app) == 0)
		*out = PyObject_Vectorcall(o->layer, args, 3, NULL);
	return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
}

/* The layer has raised. */
static enum pyb_coro_verdict
fail(struct entry *e, PyObject **out)
{
	struct outer *o = e->outer;
	PyObject *exc, *started;

	if (!PyErr_ExceptionMatches(PyExc_Exception))
		return PYB_CORO_ERROR;
	exc = PyErr_GetRaisedException();
	started = pyb_asgi_is_started(o->st, e->send) ? Py_True : Py_False;
	e->phase = FAILED;
	*out = PyObject_CallFunctionObjArgs(o->failed, e->scope, e->receive, e->send, exc,
	    started, NULL);
	Py_DECREF(exc);
	return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
}

/* What the layer returns goes nowhere, as in Starlette. */
static enum pyb_coro_verdict
entry_step(void *arg, PyObject *value, PyObject **out)
{
	struct entry *e = arg;
	enum pyb_coro_verdict verdict = PYB_CORO_ERROR;

	if (value != NULL && e->phase == NEW) {
		verdict = begin(e, out);
	} else if (value != NULL) {
		*out = Py_NewRef(Py_None);
		return PYB_CORO_RETURN;
	}
	return verdict == PYB_CORO_ERROR && e->phase == LAYER ? fail(e, out) : verdict;
}

static void
entry_release(void *arg)
{
	struct entry *e = arg;

	Py_CLEAR(e->scope);
	Py_CLEAR(e->receive);
	Py_CLEAR(e->send);
	Py_CLEAR(e->outer);
	PyMem_Free(e);
}

static int
entry_traverse(void *arg, visitproc visit, void *varg)
{
	struct entry *e = arg;
	PyObject *all[] = { (PyObject *)e->outer, e->scope, e->receive, e->send };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (visit(all[i], varg) != 0)
			return 1;
	return 0;
}

/* outer(scope, receive, send) */
static PyObject *
outer_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names)
{
	static const struct pyb_coro_class class = {
		"layers", entry_step, entry_release, entry_traverse
	};
	struct outer *o = (struct outer *)self;
	struct entry *e;

	if (PyVectorcall_NARGS(nargsf) != 3 || names != NULL)
		return PyErr_Format(PyExc_TypeError, "Outer wants scope, receive and send");
	e = PyMem_Calloc(1, sizeof(*e));
	if (e == NULL)
		return PyErr_NoMemory();
	e->outer = (struct outer *)Py_NewRef(self);
	e->scope = Py_NewRef(args[0]);
	e->receive = Py_NewRef(args[1]);
	e->send = Py_NewRef(args[2]);
	return pyb_coro_new(o->st, &class, e);
}

/* Outer(app, layer, failed) */
static PyObject *
outer_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
	PyObject *app, *layer, *failed;
	struct outer *o;

	if (!PyArg_ParseTuple(args, "OOO:Outer", &app, &layer, &failed))
		return NULL;
	o = (struct outer *)type->tp_alloc(type, 0);
	if (o == NULL)
		return NULL;
	o->st = PyType_GetModuleState(type);
	o->app = Py_NewRef(app);
	o->layer = Py_NewRef(layer);
	o->failed = Py_NewRef(failed);
	o->call = outer_call;
	return (PyObject *)o;
}

static int
outer_traverse(PyObject *self, visitproc visit, void *arg)
{
	struct outer *o = (struct outer *)self;

	Py_VISIT(Py_TYPE(self));
	Py_VISIT(o->app);
	Py_VISIT(o->layer);
	Py_VISIT(o->failed);
	return 0;
}

static int
outer_clear(PyObject *self)
{
	struct outer *o = (struct outer *)self;

	Py_CLEAR(o->app);
	Py_CLEAR(o->layer);
	Py_CLEAR(o->failed);
	return 0;
}

static void
outer_dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);

	PyObject_GC_UnTrack(self);
	outer_clear(self);
	type->tp_free(self);
	Py_DECREF(type);
}

static PyMemberDef outer_members[] = {
	{ "__vectorcalloffset__", T_PYSSIZET, offsetof(struct outer, call), READONLY, NULL },
	{ NULL, 0, 0, 0, NULL }
};

static PyType_Slot outer_slots[] = {
	{ Py_tp_new, outer_new },
	{ Py_tp_dealloc, outer_dealloc },
	{ Py_tp_traverse, outer_traverse },
	{ Py_tp_clear, outer_clear },
	{ Py_tp_call, PyVectorcall_Call },
	{ Py_tp_members, outer_members },
	{ Py_tp_doc, "Outer(app, layer, failed): an application, entered at its own layers." },
	{ 0, NULL }
};

static PyType_Spec outer_spec = {
	.name = "fastrapi._engine.Outer",
	.basicsize = sizeof(struct outer),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL,
	.slots = outer_slots,
};

PyTypeObject *
pyb_outer_type_new(PyObject *module)
{
	return (PyTypeObject *)PyType_FromModuleAndSpec(module, &outer_spec, NULL);
}
