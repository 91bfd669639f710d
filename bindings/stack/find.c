/*
 * find: may the plan run behind a layer of the user's, and which.
 *
 * Called by inner.c when the layer awaits its inner application. Layers may have changed
 * the scope, so that everything is read from it anew. It must run no user code.
 */
#include "bindings/stack/find.h"

#include "bindings/stack/enter.h"
#include "bindings/text.h"
#include "shm/method.h"

/* The entry as an exact str, borrowed; NULL when it is none. */
static PyObject *
text_of(PyObject *scope, PyObject *key)
{
	PyObject *text = PyDict_GetItemWithError(scope, key);

	return text != NULL && PyUnicode_CheckExact(text) ? text : NULL;
}

/* Is the request where the routes of this place are found: below the application's own path,
 * or that of the mounts around them? */
static bool
root_fits(struct pyb_module_state *st, PyObject *scope, PyObject *place)
{
	PyObject *root = PyTuple_GET_ITEM(place, PYB_PLACE_ROOT);
	PyObject *value = PyDict_GetItemWithError(scope, st->n_root_path);

	if (value == NULL)
		return PyUnicode_GET_LENGTH(root) == 0;
	return PyUnicode_CheckExact(value) && PyUnicode_Compare(value, root) == 0;
}

/* The number of the scope's method, that of a handshake for a WebSocket. False: it has none. */
static bool
method_of(struct pyb_module_state *st, PyObject *scope, unsigned *number)
{
	PyObject *type = text_of(scope, st->n_type), *method;
	struct slice name;

	*number = SHM_METHOD_WEBSOCKET;
	if (type == NULL || PyUnicode_Compare(type, st->n_websocket) == 0)
		return type != NULL;
	method = PyUnicode_Compare(type, st->n_http) == 0 ? text_of(scope, st->n_method) : NULL;
	if (method == NULL || pyb_text_slice(method, &name) < 0)
		return false;
	*number = shm_method_number(name);
	return true;
}

/* Is it a scope of the server's, for this application, that no plan has seen before? */
static bool
scope_fits(struct pyb_module_state *st, PyObject *scope)
{
	return PyDict_CheckExact(scope) && PyDict_Contains(scope, st->t_outcome) == 0 &&
	    PyDict_Contains(scope, st->t_replay) == 0 &&
	    PyDict_Contains(scope, st->t_form) == 0 &&	/* it was read: the Seam has its place */
	    PyDict_Contains(scope, st->t_telemetry) == 0;
}

/* Does a loop of fastrapi's run? A client inside the application may run another one. */
static bool
loop_fits(struct pyb_module_state *st)
{
	PyObject *loop = PyObject_CallNoArgs(st->get_running_loop);
	bool fits = loop != NULL && PyObject_TypeCheck(loop, st->loop_type);

	Py_XDECREF(loop);
	return fits;
}

/* Find the place of a route that has the path, but does not allow the method. False: its entries in
 * the scope are not known. It matches with any of its own methods. */
static bool
not_allowed_find(struct pyb_within *w, struct slice path, struct pyb_found *found)
{
	const struct shm_table *t = &w->binding->table;
	uint32_t route;
	unsigned own = 0;

	while (own < SHM_METHOD_OTHER && !(t->routes[found->route].methods >> own & 1))
		own++;
	found->place = PyTuple_GET_ITEM(w->places, found->route);
	return found->place != Py_None && shm_route_match(t, own, path, &route, found->params,
	    &found->n_params) && route == found->route;
}

/* No route takes the request: what does the router answer? */
static void
router_ask(struct pyb_within *w, PyObject *scope, unsigned method, struct slice path,
    struct arena *arena, struct pyb_found *found)
{
	const struct shm_table *t = &w->binding->table;
	PyObject *router = PyTuple_GET_ITEM(w->places, t->n_routes);
	enum pyb_router_verdict verdict;

	if (router == Py_None || !root_fits(w->st, scope, router))
		return;
	verdict = pyb_router_find(w->binding, method, path, arena, &found->route);
	if (verdict == PYB_ROUTER_FRONTEND ||
	    (verdict == PYB_ROUTER_NOT_ALLOWED && !not_allowed_find(w, path, found)))
		verdict = PYB_ROUTER_UNSURE;
	found->verdict = verdict;
}

/* Only the mount `route` takes the request: what does the router inside answer? */
static void
inside_ask(struct pyb_within *w, uint32_t route, unsigned method, struct slice path,
    struct arena *arena, struct pyb_found *found)
{
	struct slice rest = found->params[found->n_params - 1];
	enum pyb_router_verdict verdict;

	verdict = pyb_router_inside(w->binding, route, method, path, rest, arena, &found->route);
	if (verdict == PYB_ROUTER_NOT_ALLOWED && !not_allowed_find(w, path, found))
		verdict = PYB_ROUTER_UNSURE;
	found->inside = route;
	found->verdict = verdict;
}

/* May a Host route take the request before the route does, SHM_NONE: at all? Whatever is not
 * as the server makes it may be one. */
static bool
host_claims(struct pyb_within *w, PyObject *scope, uint32_t route)
{
	PyObject *fields = PyDict_GetItemWithError(scope, w->st->n_headers);
	struct slice host = SLICE_NULL;

	if (w->binding->hosts.n == 0)
		return false;
	if (fields == NULL || !PyList_CheckExact(fields))
		return true;
	for (Py_ssize_t i = 0; host.ptr == NULL && i < PyList_GET_SIZE(fields); i++) {
		PyObject *pair = PyList_GET_ITEM(fields, i), *name, *value;

		if (!PyTuple_CheckExact(pair) || PyTuple_GET_SIZE(pair) != 2)
			return true;
		name = PyTuple_GET_ITEM(pair, 0);
		value = PyTuple_GET_ITEM(pair, 1);
		if (!PyBytes_CheckExact(name) || !PyBytes_CheckExact(value))
			return true;
		if (strcmp(PyBytes_AS_STRING(name), "host") == 0)
			host = (struct slice){ PyBytes_AS_STRING(value),
			    (size_t)PyBytes_GET_SIZE(value) };
	}
	return pyb_hosts_claim(&w->binding->hosts, route, host);
}

/* Fill *found by the table alone. */
static void
match(struct pyb_within *w, PyObject *scope, struct arena *arena, struct pyb_found *found)
{
	const struct shm_table *t = &w->binding->table;
	struct slice path;
	const struct shm_plan *plan;
	uint32_t route = SHM_NONE;
	unsigned method;

	found->path = text_of(scope, w->st->n_path);
	if (found->path == NULL || !method_of(w->st, scope, &method) ||
	    pyb_text_slice(found->path, &path) < 0)
		return;
	if (!shm_route_match(t, method, path, &route, found->params, &found->n_params)) {
		/* Python closes a WebSocket that no route takes. */
		if (method != SHM_METHOD_WEBSOCKET && !host_claims(w, scope, SHM_NONE))
			router_ask(w, scope, method, path, arena, found);
		return;
	}
	found->place = PyTuple_GET_ITEM(w->places, route);
	if (found->place == Py_None || host_claims(w, scope, route) ||
	    !root_fits(w->st, scope, found->place))
		return;
	if (PyTuple_GET_ITEM(found->place, PYB_PLACE_LAYERS) != Py_None) {
		found->layers = PyTuple_GET_ITEM(found->place, PYB_PLACE_LAYERS);
		return;
	}
	if (t->routes[route].plan == SHM_NONE) {
		if (method == SHM_METHOD_WEBSOCKET)
			return;
		found->mount = pyb_mounts_get(&w->binding->mounts, route);
		if (found->mount == NULL && pyb_answers_inside(&w->binding->answers, route) != NULL)
			inside_ask(w, route, method, path, arena, found);
		return;
	}
	plan = &t->plans[t->routes[route].plan];
	if (!(plan->flags & SHM_PLAN_F_STACKS))
		found->plan = plan;
}

static void
nothing(struct pyb_found *found)
{
	found->plan = NULL;
	found->mount = NULL;
	found->layers = NULL;
	found->verdict = PYB_ROUTER_UNSURE;
}

void
pyb_find_plan(struct pyb_within *w, PyObject *scope, struct arena *arena,
    struct pyb_found *found)
{
	nothing(found);
	found->inside = SHM_NONE;
	found->n_params = 0;
	if (w->app == NULL || w->app->binding != w->binding ||
	    w->app->force == PYB_FORCE_ASGI || !scope_fits(w->st, scope) || !loop_fits(w->st))
		goto done;
	match(w, scope, arena, found);
	if ((found->plan != NULL || found->mount != NULL || found->layers != NULL ||
	    found->verdict != PYB_ROUTER_UNSURE) &&
	    pyb_guards_look(&w->binding->guards, false) != PYB_GUARD_HOLDS)
		nothing(found);
done:
	PyErr_Clear();
}
