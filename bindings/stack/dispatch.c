/*
 * dispatch: the Python type Dispatch.
 *
 * Called by engine/ (the type). It only keeps what requests in the layer need; one request
 * is layer_run.c's.
 */
#include "bindings/stack/dispatch.h"

#include <structmember.h>

#include "bindings/stack/layer_run.h"

/* dispatch(scope, receive, send) */
static PyObject *
dispatch_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names)
{
	struct pyb_dispatch *d = (struct pyb_dispatch *)self;

	if (PyVectorcall_NARGS(nargsf) != 3 || names != NULL)
		return PyObject_Vectorcall(d->layer, args, nargsf, names);
	return pyb_layer_run_new(d, args);
}

/* Take from `ends` what every request needs. 0, or -1 with an exception set. */
static int
ends_take(struct pyb_dispatch *d)
{
	struct { PyObject **member; const char *name; } rows[] = {
		{ &d->original, "ORIGINAL" }, { &d->request_class, "REQUEST" },
		{ &d->response_class, "RESPONSE" }, { &d->body, "body" },
		{ &d->likeness, "call_next" }, { &d->closed, "ClosedResourceError" },
		{ &d->end_of_stream, "EndOfStream" },
		{ &d->wrapped_receive, "WRAPPED_RECEIVE" }, { &d->stream, "STREAM" }
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if ((*rows[i].member = PyObject_GetAttrString(d->ends, rows[i].name)) == NULL)
			return -1;
	return 0;
}

/* Dispatch(layer, ends) */
static PyObject *
dispatch_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
	struct pyb_module_state *st = PyType_GetModuleState(type);
	struct pyb_dispatch *d;
	PyObject *layer, *ends;

	if (!PyArg_ParseTuple(args, "OO:Dispatch", &layer, &ends))
		return NULL;
	if (pyb_module_state_load(st) < 0 || pyb_module_state_load_fastapi(st) < 0)
		return NULL;
	d = (struct pyb_dispatch *)type->tp_alloc(type, 0);
	if (d == NULL)
		return NULL;
	d->st = st;
	d->layer = Py_NewRef(layer);
	d->ends = Py_NewRef(ends);
	d->call = dispatch_call;
	if (ends_take(d) < 0)
		Py_CLEAR(d);
	return (PyObject *)d;
}

#define DISPATCH_OBJECTS(X) \
	X(layer) X(ends) X(original) X(request_class) X(response_class) X(body) X(likeness) \
	X(closed) X(end_of_stream) X(wrapped_receive) X(stream)

static int
dispatch_traverse(PyObject *self, visitproc visit, void *arg)
{
	struct pyb_dispatch *d = (struct pyb_dispatch *)self;

	Py_VISIT(Py_TYPE(self));
#define X(member) Py_VISIT(d->member);
	DISPATCH_OBJECTS(X)
#undef X
	return 0;
}

static int
dispatch_clear(PyObject *self)
{
	struct pyb_dispatch *d = (struct pyb_dispatch *)self;

#define X(member) Py_CLEAR(d->member);
	DISPATCH_OBJECTS(X)
#undef X
	return 0;
}

static void
dispatch_dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);

	PyObject_GC_UnTrack(self);
	dispatch_clear(self);
	type->tp_free(self);
	Py_DECREF(type);
}

static PyMemberDef dispatch_members[] = {
	{ "__vectorcalloffset__", T_PYSSIZET, offsetof(struct pyb_dispatch, call), READONLY,
	    NULL },
	{ NULL, 0, 0, 0, NULL }
};

static PyType_Slot dispatch_slots[] = {
	{ Py_tp_new, dispatch_new },
	{ Py_tp_dealloc, dispatch_dealloc },
	{ Py_tp_traverse, dispatch_traverse },
	{ Py_tp_clear, dispatch_clear },
	{ Py_tp_call, PyVectorcall_Call },
	{ Py_tp_members, dispatch_members },
	{ Py_tp_doc, "Dispatch(layer, ends): the application in the place of a dispatch layer." },
	{ 0, NULL }
};

static PyType_Spec dispatch_spec = {
	.name = "fastrapi._engine.Dispatch",
	.basicsize = sizeof(struct pyb_dispatch),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL,
	.slots = dispatch_slots,
};

PyTypeObject *
pyb_dispatch_type_new(PyObject *module)
{
	return (PyTypeObject *)PyType_FromModuleAndSpec(module, &dispatch_spec, NULL);
}
