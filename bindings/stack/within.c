/*
 * within: the Python type Within.
 *
 * Called by engine/ (the type). The innermost Within of an application is bound to the
 * compiled plans, and runs them through inner.c. It must be to user code what the next
 * application would be: it delegates every attribute, and decides nothing before the
 * coroutine that a call makes is awaited.
 */
#include "bindings/stack/within.h"

#include <structmember.h>

#include "bindings/stack/inner.h"

/* within(scope, receive, send). Any other call is the next application's. */
static PyObject *
within_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names)
{
	struct pyb_within *w = (struct pyb_within *)self;

	if (PyVectorcall_NARGS(nargsf) != 3 || names != NULL)
		return PyObject_Vectorcall(w->next, args, nargsf, names);
	if (w->app == NULL)
		return PyObject_Vectorcall(w->instead != NULL ? w->instead : w->next, args,
		    nargsf, names);
	return pyb_inner_new(w, args[0], args[1], args[2]);
}

/* Within(next) */
static PyObject *
within_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
	struct pyb_within *w;
	PyObject *next;

	if (!PyArg_ParseTuple(args, "O:Within", &next))
		return NULL;
	w = (struct pyb_within *)type->tp_alloc(type, 0);
	if (w == NULL)
		return NULL;
	w->st = PyType_GetModuleState(type);
	w->next = Py_NewRef(next);
	w->call = within_call;
	return (PyObject *)w;
}

/* Copying and pickling see the next application as well, and leave the Within out. */
static PyObject *
within_getattro(PyObject *self, PyObject *name)
{
	return PyObject_GetAttr(((struct pyb_within *)self)->next, name);
}

static int
within_setattro(PyObject *self, PyObject *name, PyObject *value)
{
	return PyObject_SetAttr(((struct pyb_within *)self)->next, name, value);
}

static PyObject *
within_repr(PyObject *self)
{
	return PyObject_Repr(((struct pyb_within *)self)->next);
}

static int
within_traverse(PyObject *self, visitproc visit, void *arg)
{
	struct pyb_within *w = (struct pyb_within *)self;

	Py_VISIT(Py_TYPE(self));
	Py_VISIT(w->next);
	Py_VISIT(w->instead);
	Py_VISIT(w->app);
	Py_VISIT(w->binding);
	Py_VISIT(w->places);
	return 0;
}

static void
unbind(struct pyb_within *w)
{
	Py_CLEAR(w->instead);
	Py_CLEAR(w->app);
	Py_CLEAR(w->binding);
	Py_CLEAR(w->places);
}

static int
within_clear(PyObject *self)
{
	unbind((struct pyb_within *)self);
	Py_CLEAR(((struct pyb_within *)self)->next);
	return 0;
}

static void
within_dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);

	PyObject_GC_UnTrack(self);
	within_clear(self);
	type->tp_free(self);
	Py_DECREF(type);
}

/* bind_within(within, app, places, scoped): run the plans that `app` is bound to. `places` has
 * for each route what enter.h needs, or None: then the next application serves it; the last
 * is the router's own. With None for both: hand every request on. `scoped`: see within.h. */
static PyObject *
bind_within(PyObject *module, PyObject *args)
{
	struct pyb_module_state *st = PyModule_GetState(module);
	struct pyb_within *w;
	PyObject *app, *places;
	int scoped;

	if (!PyArg_ParseTuple(args, "O!OOp:bind_within", st->within_type, &w, &app, &places,
	    &scoped))
		return NULL;
	unbind(w);
	if (app == Py_None)
		Py_RETURN_NONE;
	if (Py_TYPE(app) != st->app_type || ((struct pyb_app *)app)->binding == NULL ||
	    !PyTuple_CheckExact(places) || (size_t)PyTuple_GET_SIZE(places) !=
	    ((struct pyb_app *)app)->binding->table.n_routes + 1)
		return PyErr_Format(PyExc_TypeError,
		    "bind_within() wants a bound App and a place for each route and the router");
	w->app = (struct pyb_app *)Py_NewRef(app);
	w->binding = (struct pyb_binding *)Py_NewRef((PyObject *)w->app->binding);
	w->places = Py_NewRef(places);
	w->scoped = scoped != 0;
	Py_RETURN_NONE;
}

/* bind_layer(within, function): call function(scope, receive, send) in the place of the
 * next application; None: call that. */
static PyObject *
bind_layer(PyObject *module, PyObject *args)
{
	struct pyb_module_state *st = PyModule_GetState(module);
	struct pyb_within *w;
	PyObject *function;

	if (!PyArg_ParseTuple(args, "O!O:bind_layer", st->within_type, &w, &function))
		return NULL;
	unbind(w);
	if (function != Py_None)
		w->instead = Py_NewRef(function);
	Py_RETURN_NONE;
}

int
pyb_within_register(PyObject *module)
{
	static PyMethodDef functions[] = {
		{ "bind_within", bind_within, METH_VARARGS,
		    "bind_within(within, app, places, scoped): run the plans of a bound App." },
		{ "bind_layer", bind_layer, METH_VARARGS,
		    "bind_layer(within, function): call a function in the next one's place." },
		{ NULL, NULL, 0, NULL }
	};

	return PyModule_AddFunctions(module, functions);
}

static PyMemberDef within_members[] = {
	{ "__vectorcalloffset__", T_PYSSIZET, offsetof(struct pyb_within, call), READONLY,
	    NULL },
	{ NULL, 0, 0, 0, NULL }
};

static PyType_Slot within_slots[] = {
	{ Py_tp_new, within_new },
	{ Py_tp_dealloc, within_dealloc },
	{ Py_tp_traverse, within_traverse },
	{ Py_tp_clear, within_clear },
	{ Py_tp_call, PyVectorcall_Call },
	{ Py_tp_getattro, within_getattro },
	{ Py_tp_setattro, within_setattro },
	{ Py_tp_repr, within_repr },
	{ Py_tp_members, within_members },
	{ Py_tp_doc, "Within(next): stands for the next application." },
	{ 0, NULL }
};

static PyType_Spec within_spec = {
	.name = "fastrapi._engine.Within",
	.basicsize = sizeof(struct pyb_within),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL,
	.slots = within_slots,
};

PyTypeObject *
pyb_within_type_new(PyObject *module)
{
	return (PyTypeObject *)PyType_FromModuleAndSpec(module, &within_spec, NULL);
}
