/*
 * sink: the Python type Sink.
 *
 * Called by inner.c, answer.c and reply.c, which fill it, by application.c and call_next.c, whose
 * it is, by layer_run.c, send.c, deliver.c, carry.c, listen.c and started.c, and by engine/ (the
 * type). It must deliver nothing by itself: the layer does, with what is in it.
 */
#include "bindings/stack/sink.h"

#include <structmember.h>

#include "bindings/plan/stacks.h"
#include "bindings/stack/send.h"

struct sink {
	PyObject_HEAD
	struct pyb_passage *p;		/* strong */
	PyObject *start, *body;		/* NULL until filled */
	PyObject *stacks[PYB_EXIT_STACKS];
	char hungry, handled, started;
	vectorcallfunc call;
};

bool
pyb_sink_is_text(PyObject *type, PyObject *text)
{
	int is = type == text ? 1 : PyObject_RichCompareBool(type, text, Py_EQ);

	if (is < 0)
		PyErr_Clear();
	return is > 0;
}

/* Not once an answer has begun by a message. */
bool
pyb_sink_takes(struct pyb_module_state *st, PyObject *send)
{
	struct sink *s = (struct sink *)send;

	return Py_TYPE(send) == st->sink_type && s->hungry && !s->p->answered;
}

bool
pyb_sink_takes_file(struct pyb_module_state *st, PyObject *send)
{
	return Py_TYPE(send) == st->sink_type && !((struct sink *)send)->p->exact;
}

bool
pyb_sink_fill(struct pyb_module_state *st, PyObject *send, struct pyb_messages *m,
    PyObject *stacks[PYB_EXIT_STACKS], bool handled)
{
	struct sink *s = (struct sink *)send;

	if (!pyb_sink_takes(st, send))
		return false;
	s->hungry = 0;
	Py_XSETREF(s->start, m->start);
	Py_XSETREF(s->body, m->body);
	*m = (struct pyb_messages){ NULL, NULL };
	s->handled = handled;
	for (int i = 0; i < PYB_EXIT_STACKS; i++) {
		Py_XSETREF(s->stacks[i], stacks[i]);
		stacks[i] = NULL;
	}
	return true;
}

bool
pyb_sink_pass(struct pyb_module_state *st, PyObject *send, PyObject *start, PyObject *body)
{
	struct sink *s = (struct sink *)send;

	if (!pyb_sink_takes(st, send))
		return false;
	s->hungry = 0;
	Py_XSETREF(s->start, Py_NewRef(start));
	Py_XSETREF(s->body, Py_NewRef(body));
	return true;
}

bool
pyb_sink_is_started(PyObject *sink)
{
	struct sink *s = (struct sink *)sink;

	return s->started || s->start != NULL;
}

void
pyb_sink_sate(PyObject *sink)
{
	((struct sink *)sink)->hungry = 0;
}

PyObject *
pyb_sink_start(PyObject *sink)
{
	return ((struct sink *)sink)->start;
}

PyObject *
pyb_sink_body(PyObject *sink)
{
	return ((struct sink *)sink)->body;
}

int
pyb_sink_left_open(PyObject *sink)
{
	struct sink *s = (struct sink *)sink;
	int used = 0;

	for (int i = 0; used == 0 && i < PYB_EXIT_STACKS; i++)
		if (s->stacks[i] != NULL)
			used = pyb_stacks_is_used(s->p->layer->st, s->stacks[i]);
	return used;
}

bool
pyb_sink_is_start(struct pyb_module_state *st, PyObject *message)
{
	PyObject *type = PyDict_Check(message) ?
	    PyDict_GetItemWithError(message, st->n_type) : NULL;
	bool starts = type != NULL && pyb_sink_is_text(type, st->t_http_response_start);

	PyErr_Clear();
	return starts;
}

/* sink(message) */
static PyObject *
sink_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names)
{
	struct sink *s = (struct sink *)self;

	if (PyVectorcall_NARGS(nargsf) != 1 || names != NULL)
		return PyErr_Format(PyExc_TypeError, "send() takes exactly one argument");
	if (!s->started)
		s->started = pyb_sink_is_start(s->p->layer->st, args[0]);
	return pyb_send_new(s->p, args[0]);
}

PyObject *
pyb_sink_new(struct pyb_passage *p, bool hungry)
{
	PyTypeObject *type = p->layer->st->sink_type;
	struct sink *s = (struct sink *)type->tp_alloc(type, 0);

	if (s == NULL)
		return NULL;
	s->p = (struct pyb_passage *)Py_NewRef((PyObject *)p);
	s->hungry = hungry;
	s->call = sink_call;
	return (PyObject *)s;
}

static int
sink_traverse(PyObject *self, visitproc visit, void *arg)
{
	struct sink *s = (struct sink *)self;

	Py_VISIT(Py_TYPE(self));
	Py_VISIT(s->p);
	Py_VISIT(s->start);
	Py_VISIT(s->body);
	for (int i = 0; i < PYB_EXIT_STACKS; i++)
		Py_VISIT(s->stacks[i]);
	return 0;
}

static int
sink_clear(PyObject *self)
{
	struct sink *s = (struct sink *)self;

	Py_CLEAR(s->p);
	Py_CLEAR(s->start);
	Py_CLEAR(s->body);
	for (int i = 0; i < PYB_EXIT_STACKS; i++)
		Py_CLEAR(s->stacks[i]);
	return 0;
}

static void
sink_dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);

	PyObject_GC_UnTrack(self);
	sink_clear(self);
	type->tp_free(self);
	Py_DECREF(type);
}

static PyMemberDef sink_members[] = {
	{ "__vectorcalloffset__", T_PYSSIZET, offsetof(struct sink, call), READONLY, NULL },
	{ "body", T_OBJECT, offsetof(struct sink, body), READONLY, NULL },
	{ "handled", T_BOOL, offsetof(struct sink, handled), READONLY, NULL },
	{ NULL, 0, 0, 0, NULL }
};

static PyType_Slot sink_slots[] = {
	{ Py_tp_dealloc, sink_dealloc },
	{ Py_tp_traverse, sink_traverse },
	{ Py_tp_clear, sink_clear },
	{ Py_tp_call, PyVectorcall_Call },
	{ Py_tp_members, sink_members },
	{ Py_tp_doc, "send(message): what a dispatch layer wraps answers." },
	{ 0, NULL }
};

static PyType_Spec sink_spec = {
	.name = "fastrapi._engine.Sink",
	.basicsize = sizeof(struct sink),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
	    Py_TPFLAGS_DISALLOW_INSTANTIATION,
	.slots = sink_slots,
};

PyTypeObject *
pyb_sink_type_new(PyObject *module)
{
	return (PyTypeObject *)PyType_FromModuleAndSpec(module, &sink_spec, NULL);
}
