/*
 * unrouted: FastAPI's own 404, 405 and redirect behind layers of the user's.
 *
 * Called by inner.c for a request that no route takes, of the application or of one that it mounts.
 * The 404 and the 405 are exceptions in the original, answered outside the outermost exit stack,
 * the redirect is answered inside it. No user code may run here but the layer's `send`.
 */
#include "bindings/stack/unrouted.h"

#include "base/must.h"
#include "bindings/plan/messages.h"
#include "bindings/stack/answer.h"
#include "bindings/stack/enter.h"

/* Let the scope be what the router leaves of it. 0, or -1 with an exception set. */
static int
scope_enter(struct pyb_inner *c, const struct pyb_found *found)
{
	struct pyb_within *w = c->within;
	uint32_t n_routes = w->binding->table.n_routes;
	bool inside;

	c->place = Py_NewRef(PyTuple_GET_ITEM(w->places,
	    found->inside != SHM_NONE ? found->inside : n_routes));
	inside = pyb_enter_is_inside(c->place);
	if ((inside && pyb_enter_remember(w->st, c->scope, &c->before) < 0) ||
	    pyb_enter_router(w->st, c->scope, c->place, &c->outermost) < 0 ||
	    (inside && pyb_enter_route(w->st, c->scope, c->place, NULL, 0) < 0))
		return -1;
	return found->verdict != PYB_ROUTER_NOT_ALLOWED ? 0 : pyb_enter_route(w->st, c->scope,
	    found->place, found->params, found->n_params);
}

/* Make the messages. 0, or -1 with an exception set. */
static int
answer_make(struct pyb_inner *c, const struct pyb_found *found)
{
	bool redirects = found->verdict == PYB_ROUTER_REDIRECT;
	PyObject *copy = redirects ? PyDict_Copy(c->scope) : NULL, *response = NULL;
	int rc = -1;

	if (copy != NULL || !redirects)
		response = pyb_router_response(c->within->binding, found->inside, found->verdict,
		    found->route, copy);
	if (response != NULL)
		rc = pyb_messages_shared(c->within->st, &c->messages, response);
	Py_XDECREF(copy);
	Py_XDECREF(response);
	return rc;
}

enum pyb_coro_verdict
pyb_unrouted_begin(struct pyb_inner *c, const struct pyb_found *found, PyObject **out)
{
	must(found->verdict != PYB_ROUTER_UNSURE);
	if (scope_enter(c, found) < 0 || answer_make(c, found) < 0) {
		PyErr_Clear();
		return pyb_leave_on(c, c->receive, c->send, out);
	}
	if (found->verdict != PYB_ROUTER_REDIRECT)
		Py_CLEAR(c->outermost);
	return pyb_answer_begin(c, out);
}
