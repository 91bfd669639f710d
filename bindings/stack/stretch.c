/*
 * stretch: the Python type Stretch.
 *
 * Called by engine/ (the type). It stands for what Starlette's classes do in their
 * __call__(). Nothing is decided before the coroutine that a call makes is awaited. When the
 * application has changed, or the scope is an unusual one, the original takes the request.
 */
#include "bindings/stack/stretch.h"

#include <structmember.h>

#include "bindings/coro.h"
#include "bindings/stack/filter.h"

enum phase {
	NEW,
	START,		/* waits for send(start) of a layer's own answer */
	INNER		/* waits for the last thing that there is to do */
};

/* One request. */
struct passage {
	struct pyb_stretch *stretch;	/* strong */
	PyObject *scope, *receive, *send;
	enum phase phase;
	struct pyb_messages answer;
};

/* Does what the stretch was made from still hold, and is it a request of the usual kind? */
static bool
fits(struct pyb_stretch *s, PyObject *scope)
{
	PyObject *type = NULL;

	if (s->app->binding != s->binding || !PyDict_CheckExact(scope))
		return false;
	type = PyDict_GetItemWithError(scope, s->st->n_type);
	if (type == NULL || !PyUnicode_CheckExact(type) ||
	    PyUnicode_Compare(type, s->st->n_http) != 0) {
		PyErr_Clear();
		return false;
	}
	return pyb_guards_look(&s->binding->guards, false) == PYB_GUARD_HOLDS;
}

static enum pyb_coro_verdict
hand_on(struct passage *p, PyObject *to, PyObject *send, PyObject **out)
{
	PyObject *args[] = { p->scope, p->receive, send };

	p->phase = INNER;
	*out = PyObject_Vectorcall(to, args, 3, NULL);
	return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
}

static enum pyb_coro_verdict
message_send(struct passage *p, enum phase phase, PyObject *message, PyObject **out)
{
	p->phase = phase;
	*out = PyObject_CallOneArg(p->send, message);
	return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
}

static enum pyb_coro_verdict
begin(struct passage *p, PyObject **out)
{
	struct pyb_stretch *s = p->stretch;
	enum pyb_coro_verdict verdict = PYB_CORO_ERROR;
	struct pyb_filter *f;

	if (!fits(s, p->scope))
		return hand_on(p, s->original, p->send, out);
	f = pyb_filter_new(s, p->send);
	if (f == NULL)
		return PYB_CORO_ERROR;
	switch (pyb_filter_forward(f, p->scope, &p->answer)) {
	case MW_PASS:
		verdict = hand_on(p, s->next, s->layers.chain.edits ? (PyObject *)f : p->send,
		    out);
		break;
	case MW_ANSWER:
		verdict = message_send(p, START, p->answer.start, out);
		break;
	case MW_UNSURE:
		verdict = hand_on(p, s->original, p->send, out);
		break;
	}
	Py_DECREF((PyObject *)f);
	return verdict;
}

static enum pyb_coro_verdict
passage_step(void *arg, PyObject *value, PyObject **out)
{
	struct passage *p = arg;

	if (value == NULL)
		return PYB_CORO_ERROR;
	switch (p->phase) {
	case NEW:
		return begin(p, out);
	case START:
		return message_send(p, INNER, p->answer.body, out);
	case INNER:
		break;
	}
	*out = Py_NewRef(Py_None);
	return PYB_CORO_RETURN;
}

static void
passage_release(void *arg)
{
	struct passage *p = arg;

	Py_CLEAR(p->answer.start);
	Py_CLEAR(p->answer.body);
	Py_CLEAR(p->scope);
	Py_CLEAR(p->receive);
	Py_CLEAR(p->send);
	Py_CLEAR(p->stretch);
	PyMem_Free(p);
}

static int
passage_traverse(void *arg, visitproc visit, void *varg)
{
	struct passage *p = arg;
	PyObject *all[] = { (PyObject *)p->stretch, p->scope, p->receive, p->send };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (visit(all[i], varg) != 0)
			return 1;
	return 0;
}

/* stretch(scope, receive, send) */
static PyObject *
stretch_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names)
{
	static const struct pyb_coro_class class = {
		"layers", passage_step, passage_release, passage_traverse
	};
	struct pyb_stretch *s = (struct pyb_stretch *)self;
	struct passage *p;

	if (PyVectorcall_NARGS(nargsf) != 3 || names != NULL)
		return PyObject_Vectorcall(s->original, args, nargsf, names);
	p = PyMem_Calloc(1, sizeof(*p));
	if (p == NULL)
		return PyErr_NoMemory();
	p->stretch = (struct pyb_stretch *)Py_NewRef(self);
	p->scope = Py_NewRef(args[0]);
	p->receive = Py_NewRef(args[1]);
	p->send = Py_NewRef(args[2]);
	return pyb_coro_new(s->st, &class, p);
}

/* Stretch(app, layers, original, next, relay, copies, replaces) */
static PyObject *
stretch_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
	struct pyb_module_state *st = PyType_GetModuleState(type);
	PyObject *app, *layers, *original, *next, *relay;
	struct pyb_stretch *s;
	int copies, replaces;

	if (!PyArg_ParseTuple(args, "O!O!OOOip:Stretch", st->app_type, &app, &PyTuple_Type,
	    &layers, &original, &next, &relay, &copies, &replaces))
		return NULL;
	if (((struct pyb_app *)app)->binding == NULL)
		return PyErr_Format(PyExc_TypeError, "a Stretch wants a bound App");
	s = (struct pyb_stretch *)type->tp_alloc(type, 0);
	if (s == NULL)
		return NULL;
	s->st = st;
	s->app = (struct pyb_app *)Py_NewRef(app);
	s->binding = (struct pyb_binding *)Py_NewRef((PyObject *)s->app->binding);
	s->original = Py_NewRef(original);
	s->next = Py_NewRef(next);
	s->relay = Py_NewRef(relay);
	s->copies = copies;
	s->replaces = replaces != 0;
	s->call = stretch_call;
	if (pyb_layers_init(&s->layers, st, layers) < 0)
		Py_CLEAR(s);
	else
		s->holds = s->layers.chain.looks;
	return (PyObject *)s;
}

static int
stretch_traverse(PyObject *self, visitproc visit, void *arg)
{
	struct pyb_stretch *s = (struct pyb_stretch *)self;

	Py_VISIT(Py_TYPE(self));
	Py_VISIT(s->app);
	Py_VISIT(s->binding);
	Py_VISIT(s->original);
	Py_VISIT(s->next);
	Py_VISIT(s->relay);
	return pyb_layers_traverse(&s->layers, visit, arg);
}

/* The settings stay: a filter of a request that runs needs them until the end. */
static int
stretch_clear(PyObject *self)
{
	struct pyb_stretch *s = (struct pyb_stretch *)self;

	Py_CLEAR(s->app);
	Py_CLEAR(s->binding);
	Py_CLEAR(s->original);
	Py_CLEAR(s->next);
	Py_CLEAR(s->relay);
	return 0;
}

static void
stretch_dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);

	PyObject_GC_UnTrack(self);
	stretch_clear(self);
	pyb_layers_fini(&((struct pyb_stretch *)self)->layers);
	type->tp_free(self);
	Py_DECREF(type);
}

static PyMemberDef stretch_members[] = {
	{ "__vectorcalloffset__", T_PYSSIZET, offsetof(struct pyb_stretch, call), READONLY,
	    NULL },
	{ NULL, 0, 0, 0, NULL }
};

static PyType_Slot stretch_slots[] = {
	{ Py_tp_new, stretch_new },
	{ Py_tp_dealloc, stretch_dealloc },
	{ Py_tp_traverse, stretch_traverse },
	{ Py_tp_clear, stretch_clear },
	{ Py_tp_call, PyVectorcall_Call },
	{ Py_tp_members, stretch_members },
	{ Py_tp_doc, "Stretch(app, layers, original, next, relay, copies, replaces): native "
	    "layers next to each other." },
	{ 0, NULL }
};

static PyType_Spec stretch_spec = {
	.name = "fastrapi._engine.Stretch",
	.basicsize = sizeof(struct pyb_stretch),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL,
	.slots = stretch_slots,
};

PyTypeObject *
pyb_stretch_type_new(PyObject *module)
{
	return (PyTypeObject *)PyType_FromModuleAndSpec(module, &stretch_spec, NULL);
}
