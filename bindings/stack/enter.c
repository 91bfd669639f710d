/*
 * enter: the entries of a scope, in the order in which FastAPI makes them.
 *
 * Called by inner.c before user code inside the router runs, by descend.c, unrouted.c, mount.c and
 * leave.c. The names and their values
 * are those of Entry.enter() and RouteHelper.fill_scope() in python/fastrapi/compile, which
 * do the same for plans that run elsewhere. It must run no user code.
 */
#include "bindings/stack/enter.h"

#include "base/must.h"
#include "bindings/text.h"

static int
stack_put(struct pyb_module_state *st, PyObject *scope, PyObject *name, PyObject **stack)
{
	Py_XSETREF(*stack, PyObject_CallNoArgs(st->exit_stack));
	return *stack == NULL ? -1 : PyDict_SetItem(scope, name, *stack);
}

/* params[name] = convert(text), or the text itself. */
static int
param_put(PyObject *params, PyObject *convertor, struct slice text)
{
	PyObject *value = pyb_text_utf8(text), *convert = PyTuple_GET_ITEM(convertor, 1);
	int rc;

	if (value != NULL && convert != Py_None)
		Py_SETREF(value, PyObject_CallOneArg(convert, value));
	rc = value == NULL ? -1 :
	    PyDict_SetItem(params, PyTuple_GET_ITEM(convertor, 0), value);
	Py_XDECREF(value);
	return rc;
}

/* A new dict of the path parameters, after those of applications around this one. NULL
 * with an exception set. */
static PyObject *
params_make(struct pyb_module_state *st, PyObject *scope, PyObject *convertors,
    const struct slice *texts, size_t n)
{
	PyObject *outer = PyDict_GetItemWithError(scope, st->n_path_params);
	PyObject *params = NULL;

	if (!PyErr_Occurred())
		params = PyDict_New();
	if (params != NULL && outer != NULL && PyDict_Update(params, outer) < 0)
		Py_CLEAR(params);
	must((size_t)PyTuple_GET_SIZE(convertors) == n);
	for (size_t i = 0; params != NULL && i < n; i++)
		if (param_put(params, PyTuple_GET_ITEM(convertors, (Py_ssize_t)i), texts[i]) < 0)
			Py_CLEAR(params);
	return params;
}

/* scope["fastapi"], made if there is none. Borrowed; NULL with an exception set. */
static PyObject *
own_entry(struct pyb_module_state *st, PyObject *scope)
{
	PyObject *own = PyDict_GetItemWithError(scope, st->n_fastapi), *made;

	if (own != NULL || PyErr_Occurred() || (made = PyDict_New()) == NULL)
		return own;
	if (PyDict_SetItem(scope, st->n_fastapi, made) == 0)
		own = made;
	Py_DECREF(made);
	return own;
}

/* What FastAPI 0.137 and later say of a route of an included router. */
static int
included_put(struct pyb_module_state *st, PyObject *scope, PyObject *place)
{
	PyObject *own = own_entry(st, scope);

	return own == NULL ||
	    PyObject_SetItem(own, st->n_included_router,
		PyTuple_GET_ITEM(place, PYB_PLACE_INCLUDED)) < 0 ||
	    PyObject_SetItem(own, st->n_effective_route_context,
		PyTuple_GET_ITEM(place, PYB_PLACE_EFFECTIVE)) < 0 ? -1 : 0;
}

static int
route_put(struct pyb_module_state *st, PyObject *scope, PyObject *place, PyObject *params)
{
	PyObject *route = PyTuple_GET_ITEM(place, PYB_PLACE_ROUTE);

	return (PyTuple_GET_ITEM(place, PYB_PLACE_INCLUDED) != Py_None &&
	    included_put(st, scope, place) < 0) ||
	    PyDict_SetItem(scope, st->n_endpoint,
		PyTuple_GET_ITEM(place, PYB_PLACE_ENDPOINT)) < 0 ||
	    PyDict_SetItem(scope, st->n_path_params, params) < 0 ||
	    (route != Py_None && PyDict_SetItem(scope, st->n_route, route) < 0) ? -1 : 0;
}

int
pyb_enter_fields(struct pyb_module_state *st, PyObject *scope)
{
	PyObject *list = PyDict_GetItemWithError(scope, st->n_headers), *copy;
	int rc;

	if (list == NULL || !PyList_CheckExact(list))
		return PyErr_Occurred() ? -1 : 0;
	copy = PyList_GetSlice(list, 0, PyList_GET_SIZE(list));
	rc = copy == NULL ? -1 : PyDict_SetItem(scope, st->n_headers, copy);
	Py_XDECREF(copy);
	return rc;
}

static bool
has_stack(PyObject *place, int stack)
{
	return PyLong_AsLong(PyTuple_GET_ITEM(place, PYB_PLACE_STACKS)) > stack;
}

/* What the mounts before a route put there. */
static int
mounts_put(struct pyb_module_state *st, PyObject *scope, PyObject *place)
{
	PyObject *app = PyTuple_GET_ITEM(place, PYB_PLACE_APP);

	if (!pyb_enter_is_inside(place))
		return 0;
	return PyDict_SetDefault(scope, st->n_app_root_path,
	    PyTuple_GET_ITEM(place, PYB_PLACE_ROOT)) == NULL ||
	    PyDict_SetItem(scope, st->n_root_path, PyTuple_GET_ITEM(place, PYB_PLACE_INSIDE)) < 0 ||
	    (app != Py_None && PyDict_SetItem(scope, st->n_app, app) < 0) ? -1 : 0;
}

int
pyb_enter_remember(struct pyb_module_state *st, PyObject *scope,
    struct pyb_mounts_before *before)
{
	if (before->inside)
		return 0;
	before->app_root = Py_XNewRef(PyDict_GetItemWithError(scope, st->n_app_root_path));
	before->inside = before->app_root != NULL || !PyErr_Occurred();
	return before->inside ? 0 : -1;
}

int
pyb_enter_undo(struct pyb_module_state *st, PyObject *scope, PyObject *place,
    struct pyb_mounts_before *before)
{
	PyObject *root = before->app_root;
	int rc = 0;

	if (!before->inside)
		return 0;
	*before = (struct pyb_mounts_before){ false, NULL };
	if (PyDict_Contains(scope, st->n_app_root_path) > 0)
		rc = root == NULL ? PyDict_DelItem(scope, st->n_app_root_path) :
		    PyDict_SetItem(scope, st->n_app_root_path, root);
	Py_XDECREF(root);
	return rc < 0 ? -1 : PyDict_SetItem(scope, st->n_root_path,
	    PyTuple_GET_ITEM(place, PYB_PLACE_ROOT));
}

int
pyb_enter_router(struct pyb_module_state *st, PyObject *scope, PyObject *place,
    PyObject **outermost)
{
	return PyDict_SetItem(scope, st->t_exception_handlers,
	    PyTuple_GET_ITEM(place, PYB_PLACE_HANDLERS)) < 0 ||
	    (has_stack(place, PYB_STACK_OUTER) &&
	    stack_put(st, scope, st->n_fastapi_middleware_astack, outermost) < 0) ||
	    PyDict_SetDefault(scope, st->n_router,
		PyTuple_GET_ITEM(place, PYB_PLACE_ROUTER)) == NULL ||
	    (PyTuple_GET_ITEM(place, PYB_PLACE_ASKED) == Py_True &&
	    own_entry(st, scope) == NULL) ||
	    mounts_put(st, scope, place) < 0 ? -1 : 0;
}

int
pyb_enter_route(struct pyb_module_state *st, PyObject *scope, PyObject *place,
    const struct slice *params, size_t n)
{
	PyObject *values = params_make(st, scope,
	    PyTuple_GET_ITEM(place, PYB_PLACE_CONVERTORS), params, n);
	int rc = values != NULL ? route_put(st, scope, place, values) : -1;

	Py_XDECREF(values);
	return rc;
}

/* The entries of Mount.matches(). */
static int
mount_put(struct pyb_module_state *st, PyObject *scope, PyObject *place, PyObject *params,
    PyObject *root)
{
	PyObject *route = PyTuple_GET_ITEM(place, PYB_PLACE_ROUTE);

	return PyDict_SetItem(scope, st->n_path_params, params) < 0 ||
	    PyDict_SetDefault(scope, st->n_app_root_path,
		PyTuple_GET_ITEM(place, PYB_PLACE_ROOT)) == NULL ||
	    PyDict_SetItem(scope, st->n_root_path, root) < 0 ||
	    PyDict_SetItem(scope, st->n_endpoint, PyTuple_GET_ITEM(place, PYB_PLACE_ENDPOINT)) < 0 ||
	    (route != Py_None && PyDict_SetItem(scope, st->n_route, route) < 0) ||
	    (PyTuple_GET_ITEM(place, PYB_PLACE_INCLUDED) != Py_None &&
	    included_put(st, scope, place) < 0) ? -1 : 0;
}

int
pyb_enter_mount(struct pyb_module_state *st, PyObject *scope, PyObject *place, PyObject *path,
    size_t rest)
{
	PyObject *params = params_make(st, scope, PyTuple_GET_ITEM(place, PYB_PLACE_CONVERTORS),
	    NULL, 0), *root = NULL;
	struct slice whole;
	int rc = -1;

	if (params != NULL && pyb_text_slice(path, &whole) == 0) {
		must(whole.len > rest);
		root = pyb_text_utf8((struct slice){ whole.ptr, whole.len - rest - 1 });
	}
	if (root != NULL)
		rc = mount_put(st, scope, place, params, root);
	Py_XDECREF(params);
	Py_XDECREF(root);
	return rc;
}

/* What FastAPI's request_response, or websocket_session, puts there. A route of Starlette's own has
 * another. */
static int
stacks_put(struct pyb_run *r, PyObject *place)
{
	struct pyb_module_state *st = r->app->st;

	if (!has_stack(place, PYB_STACK_EARLY))
		return 0;
	return stack_put(st, r->scope, st->n_fastapi_inner_astack,
		&r->stacks[PYB_STACK_LATE]) < 0 ||
	    stack_put(st, r->scope, st->n_fastapi_function_astack,
		&r->stacks[PYB_STACK_EARLY]) < 0 ||
	    (!(r->plan->flags & SHM_PLAN_F_WEBSOCKET) &&
	    pyb_enter_fields(st, r->scope) < 0) ? -1 : 0;
}

int
pyb_enter_scope(struct pyb_run *r, PyObject *place)
{
	struct pyb_module_state *st = r->app->st;

	return pyb_enter_router(st, r->scope, place, &r->stacks[PYB_STACK_OUTER]) < 0 ||
	    pyb_enter_route(st, r->scope, place, r->source.params, r->source.n_params) < 0 ||
	    stacks_put(r, place) < 0 ? -1 : 0;
}
