/*
 * app: the Python types App and Binding.
 *
 * Python makes one App per application and process (fastrapi.serving) and
 * gives it a Binding whenever the application was compiled. The request path
 * only reads them.
 */
#include "bindings/app.h"

#include <stdlib.h>
#include <structmember.h>

#include "bindings/plan/nested.h"
#include "shm/method.h"
#include "shm/route.h"

/* Take the table from bytes (a private table) or from a sealed descriptor. */
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

/* Binding(table, objects, guards, resume, direct) */
static PyObject *
binding_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	static char *names[] = { "table", "objects", "guards", "resume", "direct", NULL };
	PyObject *table, *objects, *guards, *resume;
	struct pyb_binding *b;
	int direct;

	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO!OOp:Binding", names, &table,
	    &PyTuple_Type, &objects, &guards, &resume, &direct))
		return NULL;
	b = (struct pyb_binding *)type->tp_alloc(type, 0);
	if (b == NULL)
		return NULL;
	b->objects = Py_NewRef(objects);
	b->resume = Py_NewRef(resume);
	b->direct = direct != 0;
	if (table_attach(b, table) < 0 || pyb_guards_init(&b->guards, guards) < 0) {
		Py_DECREF(b);
		return NULL;
	}
	if ((size_t)PyTuple_GET_SIZE(objects) < b->table.n_objects) {
		PyErr_SetString(PyExc_ValueError, "the table names more objects than given");
		Py_DECREF(b);
		return NULL;
	}
	b->sync = calloc(b->table.n_plans + 1, sizeof(*b->sync));
	if (b->sync == NULL) {
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
	return pyb_guards_traverse(&b->guards, visit, arg);
}

static int
binding_clear(PyObject *self)
{
	struct pyb_binding *b = (struct pyb_binding *)self;

	Py_CLEAR(b->objects);
	Py_CLEAR(b->resume);
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
	type->tp_free(self);
	Py_DECREF(type);
}

static PyType_Slot binding_slots[] = {
	{ Py_tp_new, binding_new },
	{ Py_tp_dealloc, binding_dealloc },
	{ Py_tp_traverse, binding_traverse },
	{ Py_tp_clear, binding_clear },
	{ Py_tp_doc, "Binding(table, objects, guards, resume, direct): a compiled application." },
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

static int
word_read(const char *word, const char *const *words, int *out)
{
	for (int i = 0; words[i] != NULL; i++)
		if (strcmp(word, words[i]) == 0) {
			*out = i;
			return 0;
		}
	PyErr_Format(PyExc_ValueError, "unknown mode %s", word);
	return -1;
}

/* App(asgi, rebind, sync="threads", force="none") */
static PyObject *
app_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	static char *names[] = { "asgi", "rebind", "sync", "force", NULL };
	static const char *const syncs[] = { "threads", "auto", "inline", NULL };
	static const char *const forces[] = { "none", "compiled", "asgi", NULL };
	const char *sync = "threads", *force = "none";
	PyObject *asgi, *rebind;
	int sync_mode, force_mode;
	struct pyb_app *app;

	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|ss:App", names, &asgi, &rebind,
	    &sync, &force) || word_read(sync, syncs, &sync_mode) < 0 ||
	    word_read(force, forces, &force_mode) < 0)
		return NULL;
	app = (struct pyb_app *)type->tp_alloc(type, 0);
	if (app == NULL)
		return NULL;
	app->st = PyType_GetModuleState(type);
	app->asgi = Py_NewRef(asgi);
	app->rebind = rebind != Py_None ? Py_NewRef(rebind) : NULL;
	app->sync = (enum pyb_sync)sync_mode;
	app->force = (enum pyb_force)force_mode;
	return (PyObject *)app;
}

/* bind(binding or None) */
static PyObject *
app_bind(PyObject *self, PyObject *binding)
{
	struct pyb_app *app = (struct pyb_app *)self;

	if (binding != Py_None && Py_TYPE(binding) != app->st->binding_type)
		return PyErr_Format(PyExc_TypeError, "bind() wants a Binding or None");
	if (binding != Py_None && pyb_state_load_fastapi(app->st) < 0)
		return NULL;
	Py_XSETREF(app->binding, binding != Py_None ?
	    (struct pyb_binding *)Py_NewRef(binding) : NULL);
	app->bound = true;
	app->epoch++;
	Py_RETURN_NONE;
}

/* set_state(dict): what scope["state"] starts from. */
static PyObject *
app_set_state(PyObject *self, PyObject *state)
{
	if (!PyDict_Check(state))
		return PyErr_Format(PyExc_TypeError, "state must be a dict");
	Py_XSETREF(((struct pyb_app *)self)->state, Py_NewRef(state));
	Py_RETURN_NONE;
}

/* match(method, path) -> (route, values) or None, in the table in force. */
static PyObject *
app_match(PyObject *self, PyObject *args)
{
	struct pyb_app *app = (struct pyb_app *)self;
	struct slice params[HX_MAX_PARAMS];
	const char *method, *path;
	Py_ssize_t path_len;
	unsigned n = 0;
	uint32_t route;
	PyObject *values;
	int number;

	if (!PyArg_ParseTuple(args, "ss#:match", &method, &path, &path_len))
		return NULL;
	number = shm_method_number(method);
	if (app->binding == NULL || app->force == PYB_FORCE_ASGI || number < 0 ||
	    !shm_route_match(&app->binding->table, (unsigned)number,
		(struct slice){ path, (size_t)path_len }, &route, params, &n))
		Py_RETURN_NONE;
	if (pyb_guards_look(&app->binding->guards, false) != PYB_GUARD_HOLDS)
		Py_RETURN_NONE;
	values = PyTuple_New(n);
	for (unsigned i = 0; values != NULL && i < n; i++) {
		PyObject *text = PyUnicode_DecodeUTF8(params[i].ptr,
		    (Py_ssize_t)params[i].len, NULL);

		if (text == NULL)
			Py_CLEAR(values);
		else
			PyTuple_SET_ITEM(values, i, text);
	}
	return values != NULL ? Py_BuildValue("(IN)", route, values) : NULL;
}

/* run_core(route, request, values, fallback) -> coroutine of a Response */
static PyObject *
app_run_core(PyObject *self, PyObject *args)
{
	struct pyb_app *app = (struct pyb_app *)self;
	PyObject *request, *values, *fallback;
	const struct shm_table *t;
	unsigned route;

	if (!PyArg_ParseTuple(args, "IOO!O:run_core", &route, &request, &PyTuple_Type,
	    &values, &fallback))
		return NULL;
	t = app->binding != NULL ? &app->binding->table : NULL;
	if (t == NULL || route >= t->n_routes || t->routes[route].plan == SHM_NONE)
		return PyObject_CallOneArg(fallback, request);
	return pyb_core_new(app, &t->plans[t->routes[route].plan], request, values, fallback);
}

static int
app_traverse(PyObject *self, visitproc visit, void *arg)
{
	struct pyb_app *app = (struct pyb_app *)self;

	Py_VISIT(Py_TYPE(self));
	Py_VISIT(app->asgi);
	Py_VISIT(app->state);
	Py_VISIT(app->rebind);
	Py_VISIT(app->binding);
	return 0;
}

static int
app_clear(PyObject *self)
{
	struct pyb_app *app = (struct pyb_app *)self;

	Py_CLEAR(app->asgi);
	Py_CLEAR(app->state);
	Py_CLEAR(app->rebind);
	Py_CLEAR(app->binding);
	return 0;
}

static void
app_dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);

	PyObject_GC_UnTrack(self);
	app_clear(self);
	pyb_json_fini(&((struct pyb_app *)self)->json);
	type->tp_free(self);
	Py_DECREF(type);
}

static PyMethodDef app_methods[] = {
	{ "bind", app_bind, METH_O, "Serve from this Binding from now on; None: ASGI only." },
	{ "set_state", app_set_state, METH_O, "The lifespan's state." },
	{ "match", app_match, METH_VARARGS, "match(method, path) -> (route, values) or None." },
	{ "run_core", app_run_core, METH_VARARGS,
	    "run_core(route, request, values, fallback) -> coroutine of a Response." },
	{ NULL, NULL, 0, NULL }
};

static PyMemberDef app_members[] = {
	{ "compiled", T_ULONGLONG, offsetof(struct pyb_app, compiled), READONLY, NULL },
	{ "replayed", T_ULONGLONG, offsetof(struct pyb_app, replayed), READONLY, NULL },
	{ "through_asgi", T_ULONGLONG, offsetof(struct pyb_app, through_asgi), READONLY, NULL },
	{ "asgi", T_OBJECT, offsetof(struct pyb_app, asgi), READONLY, NULL },
	{ NULL, 0, 0, 0, NULL }
};

static PyType_Slot app_slots[] = {
	{ Py_tp_new, app_new },
	{ Py_tp_dealloc, app_dealloc },
	{ Py_tp_traverse, app_traverse },
	{ Py_tp_clear, app_clear },
	{ Py_tp_methods, app_methods },
	{ Py_tp_members, app_members },
	{ Py_tp_doc, "App(asgi, rebind, sync='threads', force='none'): an application to serve." },
	{ 0, NULL }
};

static PyType_Spec app_spec = {
	.name = "fastrapi._engine.App",
	.basicsize = sizeof(struct pyb_app),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
	.slots = app_slots,
};

PyTypeObject *
pyb_app_type_new(PyObject *module)
{
	return (PyTypeObject *)PyType_FromModuleAndSpec(module, &app_spec, NULL);
}
