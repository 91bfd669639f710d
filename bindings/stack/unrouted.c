/*
 * unrouted: FastAPI's own 404, 405 and redirect behind layers of the user's.
 *
 * Called by inner.c for a request that no route takes. The 404 and the 405 are exceptions in
 * the original, answered outside the outermost exit stack, the redirect is answered inside
 * it. No user code may run here but the layer's `send`.
 */
#include "bindings/stack/unrouted.h"

#include "base/must.h"
#include "bindings/compat.h"
#include "bindings/plan/messages.h"
#include "bindings/plan/stacks.h"
#include "bindings/stack/edit.h"
#include "bindings/stack/enter.h"
#include "bindings/stack/sink.h"

/* Let the scope be what the router leaves of it. 0, or -1 with an exception set. */
static int
scope_enter(struct pyb_inner *c, const struct pyb_found *found)
{
	struct pyb_within *w = c->within;
	PyObject *own = PyTuple_GET_ITEM(w->places, w->binding->table.n_routes);

	if (pyb_enter_router(w->st, c->scope, own, &c->outermost) < 0)
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
		response = pyb_router_response(c->within->binding, found->verdict, found->route,
		    copy);
	if (response != NULL)
		rc = pyb_messages_shared(c->within->st, &c->messages, response);
	Py_XDECREF(copy);
	Py_XDECREF(response);
	return rc;
}

/* All is sent, or `failure` (stolen; NULL: none) was raised. */
static enum pyb_coro_verdict
over(struct pyb_inner *c, PyObject *failure, PyObject **out)
{
	struct pyb_module_state *st = c->within->st;
	int used = c->outermost != NULL ? pyb_stacks_is_used(st, c->outermost) : 0;

	if (used < 0)
		PyErr_Clear();
	if (used != 0 || (failure != NULL && c->outermost != NULL &&
	    PyErr_GivenExceptionMatches(failure, PyExc_Exception)))
		return pyb_leave_handled(c, failure, out);
	if (failure != NULL) {
		PyErr_SetRaisedException(failure);
		return PYB_CORO_ERROR;
	}
	*out = Py_NewRef(Py_None);
	return PYB_CORO_RETURN;
}

enum pyb_coro_verdict
pyb_unrouted_begin(struct pyb_inner *c, const struct pyb_found *found, PyObject **out)
{
	struct pyb_within *w = c->within;
	PyObject *stacks[PYB_EXIT_STACKS] = { NULL };

	must(found->verdict != PYB_ROUTER_UNSURE);
	if (scope_enter(c, found) < 0 || answer_make(c, found) < 0) {
		PyErr_Clear();
		return pyb_leave_on(c, c->receive, c->send, out);
	}
	c->phase = PYB_INNER_UNROUTED;
	shm_board_add(w->app->board, SHM_COUNT_compiled, 1);
	if (found->verdict != PYB_ROUTER_REDIRECT)
		Py_CLEAR(c->outermost);
	if (pyb_edit_whole(w->st, &c->send, &c->messages) < 0)
		return over(c, PyErr_GetRaisedException(), out);
	stacks[PYB_STACK_OUTER] = c->outermost;
	if (pyb_sink_fill(w->st, c->send, &c->messages, stacks, true)) {
		c->outermost = NULL;
		*out = Py_NewRef(Py_None);
		return PYB_CORO_RETURN;
	}
	return pyb_unrouted_run(c, Py_None, out);
}

enum pyb_coro_verdict
pyb_unrouted_run(struct pyb_inner *c, PyObject *value, PyObject **out)
{
	enum pyb_coro_verdict verdict = pyb_messages_send(&c->messages, c->send, value, out);

	if (verdict == PYB_CORO_AWAIT)
		return verdict;
	return over(c, verdict == PYB_CORO_ERROR ? PyErr_GetRaisedException() : NULL, out);
}
