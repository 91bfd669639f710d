/*
 * started: the Python type Started.
 *
 * Called by descend.c, and by engine/ (the type). It hands each message on as it is, and must not
 * look at more than its type.
 */
#include "bindings/stack/started.h"

#include <structmember.h>

#include "bindings/asgi/asgi.h"
#include "bindings/stack/filter.h"
#include "bindings/stack/sink.h"

struct started {
	PyObject_HEAD
	struct pyb_module_state *st;
	PyObject *send;
	bool is;
	vectorcallfunc call;
};

/* started(message) */
static PyObject *
started_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names)
{
	struct started *s = (struct started *)self;

	if (!s->is && PyVectorcall_NARGS(nargsf) == 1 && names == NULL)
		s->is = pyb_sink_is_start(s->st, args[0]);
	return PyObject_Vectorcall(s->send, args, nargsf, names);
}

PyObject *
pyb_started_watch(struct pyb_module_state *st, PyObject *send)
{
	struct started *s;

	if (pyb_asgi_of(st, send) != NULL || Py_TYPE(send) == st->sink_type ||
	    Py_TYPE(send) == st->filter_type)
		return Py_NewRef(send);
	s = (struct started *)st->started_type->tp_alloc(st->started_type, 0);
	if (s == NULL)
		return NULL;
	s->st = st;
	s->send = Py_NewRef(send);
	s->call = started_call;
	return (PyObject *)s;
}

bool
pyb_started_is(struct pyb_module_state *st, PyObject *watched)
{
	if (Py_TYPE(watched) == st->started_type)
		return ((struct started *)watched)->is;
	if (Py_TYPE(watched) == st->sink_type)
		return pyb_sink_is_started(watched);
	if (Py_TYPE(watched) == st->filter_type)
		return ((struct pyb_filter *)watched)->started;
	return pyb_asgi_is_started(st, watched);
}

static int
started_traverse(PyObject *self, visitproc visit, void *arg)
{
	Py_VISIT(Py_TYPE(self));
	Py_VISIT(((struct started *)self)->send);
	return 0;
}

static int
started_clear(PyObject *self)
{
	Py_CLEAR(((struct started *)self)->send);
	return 0;
}

static void
started_dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);

	PyObject_GC_UnTrack(self);
	started_clear(self);
	type->tp_free(self);
	Py_DECREF(type);
}

static PyMemberDef started_members[] = {
	{ "__vectorcalloffset__", T_PYSSIZET, offsetof(struct started, call), READONLY, NULL },
	{ NULL, 0, 0, 0, NULL }
};

static PyType_Slot started_slots[] = {
	{ Py_tp_dealloc, started_dealloc },
	{ Py_tp_traverse, started_traverse },
	{ Py_tp_clear, started_clear },
	{ Py_tp_call, PyVectorcall_Call },
	{ Py_tp_members, started_members },
	{ 0, NULL }
};

static PyType_Spec started_spec = {
	.name = "fastrapi._engine.Started",
	.basicsize = sizeof(struct started),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
	    Py_TPFLAGS_DISALLOW_INSTANTIATION,
	.slots = started_slots,
};

PyTypeObject *
pyb_started_type_new(PyObject *module)
{
	return (PyTypeObject *)PyType_FromModuleAndSpec(module, &started_spec, NULL);
}
