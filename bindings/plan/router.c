/*
 * router: which answer, and that it is still FastAPI's own.
 *
 * Called by bindings/request.c, and by stack/ behind layers. The order is that of
 * Starlette's Router.app: the first route that has the path but not the method, the slash,
 * not found. FastAPI's own functions make the answers
 * (python/fastrapi/compile/answers.py). Whatever the table cannot decide is left to the
 * application, and no user code may run here.
 */
#include "bindings/plan/router.h"

#include "base/must.h"
#include "bindings/asgi/scope.h"
#include "bindings/plan/mounted.h"
#include "bindings/plan/result.h"
#include "shm/method.h"
#include "shm/route.h"

/* The path that the router tries when no route has `path`: without its slashes at the end,
 * or with one added. ptr NULL: there is none, or it cannot be told. */
static struct slice
slashed(struct arena *arena, struct slice path)
{
	struct slice other = path;
	char *bytes;

	if (path.ptr[path.len - 1] == '/') {
		while (other.len > 0 && other.ptr[other.len - 1] == '/')
			other.len--;
		return other.len > 0 ? other : SLICE_NULL;
	}
	bytes = arena_alloc(arena, path.len + 1);
	if (bytes == NULL)
		return SLICE_NULL;
	memcpy(bytes, path.ptr, path.len);
	bytes[path.len] = '/';
	return (struct slice){ bytes, path.len + 1 };
}

/* The verdict on a path that no route has. */
static enum pyb_router_verdict
no_path(const struct pyb_binding *b, struct arena *arena, struct slice path)
{
	struct slice other, rest;
	uint32_t route;

	if (b->answers.redirect != Py_None && path.len > 1) {
		other = slashed(arena, path);
		if (other.ptr == NULL)
			return PYB_ROUTER_UNSURE;
		switch (shm_route_match_path(&b->table, other, &route)) {
		case SHM_YES:
			return PYB_ROUTER_REDIRECT;
		case SHM_NO:
			break;
		case SHM_UNSURE:
			return PYB_ROUTER_UNSURE;
		}
	}
	if (pyb_mounts_frontend(&b->mounts, path, &rest) != NULL)
		return PYB_ROUTER_FRONTEND;
	return b->answers.not_found != Py_None && pyb_answers_http(&b->answers, 404) ?
	    PYB_ROUTER_NOT_FOUND : PYB_ROUTER_UNSURE;
}

enum pyb_router_verdict
pyb_router_find(const struct pyb_binding *b, unsigned method, struct slice path,
    struct arena *arena, uint32_t *route)
{
	const struct pyb_answers *a = &b->answers;

	if (a->not_allowed == NULL || method == SHM_METHOD_OTHER || path.len == 0 ||
	    path.ptr[0] != '/')
		return PYB_ROUTER_UNSURE;
	switch (shm_route_match_path(&b->table, path, route)) {
	case SHM_YES:
		return PyTuple_GET_ITEM(a->not_allowed, *route) != Py_None &&
		    pyb_answers_http(a, 405) ? PYB_ROUTER_NOT_ALLOWED : PYB_ROUTER_UNSURE;
	case SHM_NO:
		return no_path(b, arena, path);
	case SHM_UNSURE:
		break;
	}
	return PYB_ROUTER_UNSURE;
}

/* The Response of the router inside `mount`, likewise. */
static PyObject *
inside_response(const struct pyb_binding *b, uint32_t mount, enum pyb_router_verdict verdict,
    uint32_t route)
{
	PyObject *response = verdict == PYB_ROUTER_NOT_ALLOWED ?
	    PyObject_CallFunction(b->answers.within, "II", mount, route) :
	    PyObject_CallFunction(b->answers.within, "IO", mount, Py_None);

	if (response == Py_None)
		Py_CLEAR(response);
	return response;
}

PyObject *
pyb_router_response(const struct pyb_binding *b, uint32_t mount, enum pyb_router_verdict verdict,
    uint32_t route, PyObject *scope)
{
	if (mount != SHM_NONE && verdict != PYB_ROUTER_REDIRECT)
		return inside_response(b, mount, verdict, route);
	switch (verdict) {
	case PYB_ROUTER_NOT_FOUND:
		return Py_NewRef(b->answers.not_found);
	case PYB_ROUTER_NOT_ALLOWED:
		return Py_NewRef(PyTuple_GET_ITEM(b->answers.not_allowed, route));
	case PYB_ROUTER_REDIRECT:
		return PyObject_CallOneArg(b->answers.redirect, scope);
	case PYB_ROUTER_UNSURE:
	case PYB_ROUTER_FRONTEND:
		break;
	}
	must(false);
	return NULL;
}

enum pyb_router_verdict
pyb_router_inside(const struct pyb_binding *b, uint32_t mount, unsigned method, struct slice path,
    struct slice rest, struct arena *arena, uint32_t *route)
{
	const struct pyb_inside *inside = pyb_answers_inside(&b->answers, mount);
	struct slice other;
	uint32_t found;

	must(inside != NULL);
	if (method == SHM_METHOD_OTHER ||
	    shm_route_match_path(&b->table, path, &found) != SHM_YES || found < inside->first)
		return PYB_ROUTER_UNSURE;
	*route = found;
	if (found < mount)
		return PYB_ROUTER_NOT_ALLOWED;
	if (!inside->redirects || rest.len == 0)
		return PYB_ROUTER_NOT_FOUND;
	other = slashed(arena, path);
	if (other.ptr == NULL)
		return PYB_ROUTER_UNSURE;
	switch (shm_route_match_path(&b->table, other, &found)) {
	case SHM_YES:
		return found < inside->first ? PYB_ROUTER_UNSURE : found < mount ?
		    PYB_ROUTER_REDIRECT : PYB_ROUTER_NOT_FOUND;
	case SHM_NO:
		return PYB_ROUTER_NOT_FOUND;
	case SHM_UNSURE:
		break;
	}
	return PYB_ROUTER_UNSURE;
}

/* The Response to x. New reference; NULL: the application must answer. Leaves no exception. */
static PyObject *
response_find(struct pyb_app *app, struct hx_exchange *x, enum pyb_router_verdict verdict,
    uint32_t route)
{
	const struct pyb_binding *b = app->binding;
	PyObject *scope = NULL, *response = NULL;

	if (verdict == PYB_ROUTER_REDIRECT)
		scope = pyb_scope_new(app, x);
	if (verdict != PYB_ROUTER_UNSURE && (scope != NULL || verdict != PYB_ROUTER_REDIRECT))
		response = pyb_router_response(b, x->route, verdict, route, scope);
	Py_XDECREF(scope);
	PyErr_Clear();
	return response;
}

bool
pyb_router_answer(struct pyb_app *app, struct hx_exchange *x)
{
	const struct pyb_binding *b = app->binding;
	enum pyb_router_verdict verdict;
	struct slice rest = SLICE_NULL;
	PyObject *response;
	uint32_t route;
	bool sent = false;

	must(b != NULL);
	if (x->root_in_path && x->root_path.len > 0)
		return false;
	verdict = x->route == HX_NO_ROUTE ?
	    pyb_router_find(b, x->req.method, x->req.path, &x->arena, &route) :
	    pyb_router_inside(b, x->route, x->req.method, x->req.path, x->params[x->n_params - 1],
		&x->arena, &route);
	if (verdict == PYB_ROUTER_FRONTEND)
		return pyb_mounted_answer(app, x,
		    pyb_mounts_frontend(&b->mounts, x->req.path, &rest), rest);
	response = response_find(app, x, verdict, route);
	if (response != NULL)
		sent = pyb_result_send(app, response, x);
	Py_XDECREF(response);
	if (sent)
		x->calls->released(x);
	return sent;
}
