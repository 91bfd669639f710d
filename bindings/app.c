/*
 * app: the Python type App.
 *
 * Called by engine/ (the type; what to do when a worker's application has come to rest),
 * by request.c and decide.c (a binding that is no longer true is dropped, or made anew), by asgi/asgi.c,
 * websocket/websocket.c and plan/after.c (runs of the application are counted). fastrapi.serving
 * makes one App per application and process and gives it a Binding whenever the application was
 * compiled. Nothing here may wait or call the application.
 */
#include "bindings/app.h"

#include <structmember.h>

#include "base/conf.h"
#include "base/must.h"
#include "bindings/text.h"
#include "shm/method.h"
#include "shm/route.h"

void
pyb_app_on_idle(struct pyb_app *app, pyb_app_idle_f *idle, void *arg)
{
	app->idle = idle;
	app->idle_arg = arg;
}

/* Note on the board whether the table in force is a private one. */
static void
table_note(struct pyb_app *app)
{
	shm_board_set(app->board, SHM_COUNT_private_table,
	    app->binding != NULL && app->binding->memory != NULL);
}

void
pyb_app_set_binding(struct pyb_app *app, struct pyb_binding *binding)
{
	Py_XSETREF(app->binding, (struct pyb_binding *)Py_XNewRef((PyObject *)binding));
	app->epoch++;
	table_note(app);
}

void
pyb_app_rebind(struct pyb_app *app)
{
	PyObject *done = PyObject_CallOneArg(app->rebind, (PyObject *)app);

	app->bound = done != NULL || !PyErr_ExceptionMatches(PyExc_MemoryError);
	if (done == NULL)
		PyErr_WriteUnraisable(app->asgi);
	Py_XDECREF(done);
}

void
pyb_app_count_on(struct pyb_app *app, struct shm_board *board)
{
	app->board = board != NULL ? board : &app->own_board;
	table_note(app);
}

void
pyb_app_run_begin(struct pyb_app *app)
{
	app->running++;
}

void
pyb_app_run_end(struct pyb_app *app)
{
	must(app->running > 0);
	if (--app->running == 0 && app->idle != NULL)
		app->idle(app->idle_arg);
}

/* The word of that setting as fastrd reads it; NULL leaves the default. 0, or -1 with an
 * exception set. */
static int
word_read(struct conf *c, enum conf_key key, const char *word)
{
	char why[CONF_WHY_BYTES];

	if (word == NULL || conf_set(c, &conf_rows[key], word, why) == 0)
		return 0;
	PyErr_Format(PyExc_ValueError, "%s=%s: %s", conf_rows[key].name, word, why);
	return -1;
}

/* App(asgi, rebind, sync=..., force=...); the words are those of base/conf_keys.def. */
static PyObject *
app_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	static char *names[] = { "asgi", "rebind", "sync", "force", NULL };
	const char *sync = NULL, *force = NULL;
	PyObject *asgi, *rebind;
	struct pyb_app *app;
	struct conf c;

	conf_init(&c);
	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|ss:App", names, &asgi, &rebind,
	    &sync, &force) || word_read(&c, CONF_sync, sync) < 0 ||
	    word_read(&c, CONF_force, force) < 0)
		return NULL;
	if (pyb_module_state_load(PyType_GetModuleState(type)) < 0)
		return NULL;
	app = (struct pyb_app *)type->tp_alloc(type, 0);
	if (app == NULL)
		return NULL;
	app->st = PyType_GetModuleState(type);
	app->asgi = Py_NewRef(asgi);
	app->rebind = rebind != Py_None ? Py_NewRef(rebind) : NULL;
	app->sync = (enum pyb_sync)c.sync;
	app->force = (enum pyb_force)c.force;
	pyb_app_count_on(app, NULL);
	return (PyObject *)app;
}

/* bind(binding or None) */
static PyObject *
app_bind(PyObject *self, PyObject *binding)
{
	struct pyb_app *app = (struct pyb_app *)self;

	if (binding != Py_None && Py_TYPE(binding) != app->st->binding_type)
		return PyErr_Format(PyExc_TypeError, "bind() wants a Binding or None");
	if (binding != Py_None && pyb_module_state_load_fastapi(app->st) < 0)
		return NULL;
	pyb_app_set_binding(app, binding != Py_None ? (struct pyb_binding *)binding : NULL);
	app->bound = true;
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

/* set_edge(layers, behind): native layers around the application, as pyb_layers_init() takes
 * them, and Starlette's own around it, for what the native ones leave to them. Once. */
static PyObject *
app_set_edge(PyObject *self, PyObject *args)
{
	struct pyb_app *app = (struct pyb_app *)self;
	PyObject *layers, *behind;

	if (!PyArg_ParseTuple(args, "O!O:set_edge", &PyTuple_Type, &layers, &behind))
		return NULL;
	if (app->behind != NULL)
		return PyErr_Format(PyExc_RuntimeError, "the edge is set");
	if (pyb_layers_init(&app->edge, app->st, layers) < 0) {
		pyb_layers_fini(&app->edge);
		return NULL;
	}
	app->behind = Py_NewRef(behind);
	Py_RETURN_NONE;
}

/* match(method, path) -> (route, values) or None: no route of the table in force matches,
 * or the guards do not let it be used. */
static PyObject *
app_match(PyObject *self, PyObject *args)
{
	struct pyb_app *app = (struct pyb_app *)self;
	struct slice params[SHM_MAX_PARAMS];
	const char *method, *path;
	Py_ssize_t method_len, path_len;
	unsigned n = 0;
	uint32_t route;
	PyObject *values;

	if (!PyArg_ParseTuple(args, "s#s#:match", &method, &method_len, &path, &path_len))
		return NULL;
	if (app->binding == NULL || app->force == PYB_FORCE_ASGI ||
	    !shm_route_match(&app->binding->table,
		shm_method_number((struct slice){ method, (size_t)method_len }),
		(struct slice){ path, (size_t)path_len }, &route, params, &n))
		Py_RETURN_NONE;
	if (pyb_guards_look(&app->binding->guards, false) != PYB_GUARD_HOLDS)
		Py_RETURN_NONE;
	values = pyb_text_tuple(params, n);
	return values != NULL ? Py_BuildValue("(IN)", route, values) : NULL;
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
	Py_VISIT(app->behind);
	Py_VISIT(app->server);
	return pyb_layers_traverse(&app->edge, visit, arg);
}

static int
app_clear(PyObject *self)
{
	struct pyb_app *app = (struct pyb_app *)self;

	Py_CLEAR(app->asgi);
	Py_CLEAR(app->state);
	Py_CLEAR(app->rebind);
	Py_CLEAR(app->binding);
	Py_CLEAR(app->behind);
	Py_CLEAR(app->server);
	return 0;
}

static void
app_dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);

	PyObject_GC_UnTrack(self);
	app_clear(self);
	pyb_layers_fini(&((struct pyb_app *)self)->edge);
	pyb_json_fini(&((struct pyb_app *)self)->json);
	type->tp_free(self);
	Py_DECREF(type);
}

static PyMethodDef app_methods[] = {
	{ "bind", app_bind, METH_O, "Serve from this Binding from now on; None: ASGI only." },
	{ "set_state", app_set_state, METH_O, "The lifespan's state." },
	{ "set_edge", app_set_edge, METH_VARARGS,
	    "set_edge(layers, behind): native layers around the application, and Starlette's." },
	{ "match", app_match, METH_VARARGS, "match(method, path) -> (route, values) or None." },
	{ NULL, NULL, 0, NULL }
};

/* The value of one counter of the App's board. */
static PyObject *
app_get_count(PyObject *self, void *id)
{
	return PyLong_FromUnsignedLongLong(shm_board_get(((struct pyb_app *)self)->board,
	    (enum shm_counter)(uintptr_t)id));
}

/* What enters the application at its own layers, for plans behind them; None: nothing does. */
static PyObject *
app_get_outer(PyObject *self, void *Py_UNUSED(closure))
{
	const struct pyb_binding *b = ((struct pyb_app *)self)->binding;

	return Py_NewRef(b != NULL && b->outer != NULL ? b->outer : Py_None);
}

static PyGetSetDef app_getset[] = {
	{ "outer", app_get_outer, NULL, "What enters the application at its own layers, or None.", NULL },
	{ "compiled", app_get_count, NULL, NULL, (void *)(uintptr_t)SHM_COUNT_compiled },
	{ "replayed", app_get_count, NULL, NULL, (void *)(uintptr_t)SHM_COUNT_replayed },
	{ NULL, NULL, NULL, NULL, NULL }
};

static PyMemberDef app_members[] = {
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
	{ Py_tp_getset, app_getset },
	{ Py_tp_doc, "App(asgi, rebind, sync=..., force=...): an application to serve." },
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
