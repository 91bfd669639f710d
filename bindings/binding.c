/*
 * binding: the Python type Binding.
 *
 * Called by engine/ (the type). fastrapi.compile makes a Binding for App.bind(). After
 * that nothing may change it: the request path reads it without any check. The numbers of
 * the table were checked when it was attached (shm/check.c); the objects are checked here.
 */
#include "bindings/binding.h"

#include <stdlib.h>

#include "bindings/json.h"

/* Attach the table: bytes (a private table) or the number of a sealed descriptor. 0, or
 * -1 with an exception set. */
static int
table_attach(struct pyb_binding *b, PyObject *source)
{
	const char *why = "not a table";

	if (PyBytes_Check(source)) {
		b->memory = Py_NewRef(source);
		if (shm_table_attach(&b->table, PyBytes_AS_STRING(source),
		    (size_t)PyBytes_GET_SIZE(source), &why) == 0)
			return 0;
	} else {
		long fd = PyLong_AsLong(source);

		if (fd == -1 && PyErr_Occurred())
			return -1;
		if (shm_table_open(&b->table, (int)fd, &why) == 0)
			return 0;
	}
	PyErr_Format(PyExc_ValueError, "route table refused: %s", why);
	return -1;
}

/* Is the object a tuple of `n` strings? Numbers are in range, or SHM_NONE. */
static bool
is_names(const struct pyb_binding *b, uint32_t object, Py_ssize_t n)
{
	PyObject *names = object != SHM_NONE ? PyTuple_GET_ITEM(b->objects, object) : NULL;

	if (names == NULL || !PyTuple_CheckExact(names) || PyTuple_GET_SIZE(names) != n)
		return false;
	for (Py_ssize_t i = 0; i < n; i++)
		if (!PyUnicode_Check(PyTuple_GET_ITEM(names, i)))
			return false;
	return true;
}

/* May plan/ pass the step's arguments under these names? */
static bool
step_fits(const struct pyb_binding *b, const struct shm_step *s)
{
	switch (s->op) {
	case SHM_STEP_CALL:
	case SHM_STEP_ENDPOINT:
	case SHM_STEP_ENTER:
		return s->object2 == SHM_NONE || is_names(b, s->object2, s->count);
	case SHM_STEP_REREAD:
		return is_names(b, s->object2, s->count);
	default:
		return true;
	}
}

/* Is the plan's shape one, if it has any? */
static bool
shape_fits(const struct pyb_binding *b, const struct shm_plan *plan)
{
	return plan->response_shape == SHM_NONE ||
	    pyb_json_is_shape(PyTuple_GET_ITEM(b->objects, plan->response_shape));
}

/* Are the keyword names and values for the serializer as many? */
static bool
response_fits(const struct pyb_binding *b, const struct shm_plan *plan)
{
	PyObject *values;

	if (plan->response_mode != SHM_RESPONSE_MODEL_JSON)
		return true;
	values = PyTuple_GET_ITEM(b->objects, plan->response_values);
	return PyTuple_CheckExact(values) &&
	    is_names(b, plan->response_kwargs, PyTuple_GET_SIZE(values));
}

/* Are the objects what plan/ takes them for without a look? 0, or -1 with ValueError
 * set. */
static int
objects_check(const struct pyb_binding *b)
{
	const struct shm_table *t = &b->table;
	const char *why = NULL;

	if ((size_t)PyTuple_GET_SIZE(b->objects) < t->n_objects)
		why = "the table names more objects than given";
	for (uint32_t i = 0; why == NULL && i < t->n_steps; i++)
		if (!step_fits(b, &t->steps[i]))
			why = "a step's argument names do not fit";
	for (uint32_t i = 0; why == NULL && i < t->n_plans; i++) {
		if (!response_fits(b, &t->plans[i]))
			why = "a plan's keywords for the serializer do not fit";
		else if (!shape_fits(b, &t->plans[i]))
			why = "a plan's shape of results is none";
	}
	if (why != NULL)
		PyErr_SetString(PyExc_ValueError, why);
	return why != NULL ? -1 : 0;
}

/* Binding(table, objects, guards, resume, direct, outer, answers, layers, files, hosts) */
static PyObject *
binding_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	static char *names[] = { "table", "objects", "guards", "resume", "direct", "outer",
	    "answers", "layers", "files", "hosts", NULL };
	PyObject *table, *objects, *guards, *resume, *outer = Py_None, *answers = Py_None;
	PyObject *layers = NULL, *files = Py_None, *hosts = NULL;
	struct pyb_binding *b;
	int direct;

	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO!OOp|OOO!OO!:Binding", names, &table,
	    &PyTuple_Type, &objects, &guards, &resume, &direct, &outer, &answers,
	    &PyTuple_Type, &layers, &files, &PyTuple_Type, &hosts))
		return NULL;
	b = (struct pyb_binding *)type->tp_alloc(type, 0);
	if (b == NULL)
		return NULL;
	b->objects = Py_NewRef(objects);
	b->resume = Py_NewRef(resume);
	b->outer = outer != Py_None ? Py_NewRef(outer) : NULL;
	b->direct = direct != 0;
	if (table_attach(b, table) < 0 || objects_check(b) < 0 ||
	    pyb_answers_init(&b->answers, answers, b->table.n_routes) < 0 ||
	    pyb_guards_init(&b->guards, guards) < 0 ||
	    pyb_layers_init(&b->layers, PyType_GetModuleState(type), layers) < 0 ||
	    pyb_mounts_init(&b->mounts, files, b->table.n_routes) < 0 ||
	    pyb_hosts_init(&b->hosts, hosts) < 0) {
		Py_DECREF(b);
		return NULL;
	}
	b->sync = calloc(b->table.n_plans + 1, sizeof(*b->sync));
	b->late = calloc(b->table.n_plans + 1, sizeof(*b->late));
	if (b->sync == NULL || b->late == NULL) {
		Py_DECREF(b);
		return PyErr_NoMemory();
	}
	return (PyObject *)b;
}

static int
binding_traverse(PyObject *self, visitproc visit, void *arg)
{
	struct pyb_binding *b = (struct pyb_binding *)self;

	Py_VISIT(Py_TYPE(self));
	Py_VISIT(b->objects);
	Py_VISIT(b->resume);
	Py_VISIT(b->outer);
	if (pyb_answers_traverse(&b->answers, visit, arg) != 0 ||
	    pyb_layers_traverse(&b->layers, visit, arg) != 0 ||
	    pyb_mounts_traverse(&b->mounts, visit, arg) != 0 ||
	    pyb_hosts_traverse(&b->hosts, visit, arg) != 0)
		return 1;
	return pyb_guards_traverse(&b->guards, visit, arg);
}

static int
binding_clear(PyObject *self)
{
	struct pyb_binding *b = (struct pyb_binding *)self;

	Py_CLEAR(b->objects);
	Py_CLEAR(b->resume);
	Py_CLEAR(b->outer);
	pyb_answers_fini(&b->answers);
	pyb_layers_fini(&b->layers);
	pyb_mounts_fini(&b->mounts);
	pyb_hosts_fini(&b->hosts);
	pyb_guards_fini(&b->guards);
	return 0;
}

static void
binding_dealloc(PyObject *self)
{
	struct pyb_binding *b = (struct pyb_binding *)self;
	PyTypeObject *type = Py_TYPE(self);

	PyObject_GC_UnTrack(self);
	binding_clear(self);
	shm_table_detach(&b->table);
	Py_CLEAR(b->memory);
	free(b->sync);
	free(b->late);
	type->tp_free(self);
	Py_DECREF(type);
}

static PyType_Slot binding_slots[] = {
	{ Py_tp_new, binding_new },
	{ Py_tp_dealloc, binding_dealloc },
	{ Py_tp_traverse, binding_traverse },
	{ Py_tp_clear, binding_clear },
	{ Py_tp_doc, "Binding(table, objects, guards, resume, direct, outer, answers, layers, "
	    "files, hosts): a compiled application." },
	{ 0, NULL }
};

static PyType_Spec binding_spec = {
	.name = "fastrapi._engine.Binding",
	.basicsize = sizeof(struct pyb_binding),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
	.slots = binding_slots,
};

PyTypeObject *
pyb_binding_type_new(PyObject *module)
{
	return (PyTypeObject *)PyType_FromModuleAndSpec(module, &binding_spec, NULL);
}
