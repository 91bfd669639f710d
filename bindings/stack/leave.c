/*
 * leave: how a request goes on in Python when C has not answered it.
 *
 * Called by inner.c, descend.c, unrouted.c, mount.c and answer.c. FastAPI's and Starlette's own
 * layers are entered from where the request is: with the untouched request, or with the outcome of
 * its plan. The Seam (python/fastrapi/compile/seam.py) finds the outcome in the scope and lets it
 * happen in the place of the endpoint's. User code must never run twice.
 */
#include "bindings/compat.h"
#include "bindings/plan/finish.h"
#include "bindings/plan/stacks.h"
#include "bindings/stack/internal.h"

static enum pyb_coro_verdict
next_call(struct pyb_inner *c, PyObject *receive, PyObject *send, PyObject **out)
{
	PyObject *args[] = { c->scope, receive, send };

	c->phase = PYB_INNER_NEXT;
	*out = PyObject_Vectorcall(c->within->next, args, 3, NULL);
	return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
}

static int
mounts_undo(struct pyb_inner *c)
{
	return pyb_enter_undo(pyb_stack_state(c), c->scope, c->place, &c->before);
}

enum pyb_coro_verdict
pyb_leave_on(struct pyb_inner *c, PyObject *receive, PyObject *send, PyObject **out)
{
	if (c->place != NULL && mounts_undo(c) < 0)
		return PYB_CORO_ERROR;
	return next_call(c, receive, send, out);
}

enum pyb_coro_verdict
pyb_leave_replay(struct pyb_inner *c, PyObject *content, PyObject **out)
{
	struct pyb_module_state *st = pyb_stack_state(c);
	PyObject *receive = Py_NewRef(c->receive);
	enum pyb_coro_verdict verdict = PYB_CORO_ERROR;
	bool again = (c->run->plan->flags & SHM_PLAN_F_FORM) && !c->run->replay_final;

	shm_board_add(c->run->app->board, SHM_COUNT_replayed, 1);
	if (c->run->form != NULL) {
		Py_CLEAR(c->run->source.files);	/* FastAPI closes them */
		if (PyDict_SetItem(c->scope, st->t_form, c->run->form) == 0)
			verdict = pyb_leave_on(c, receive, c->send, out);
		Py_DECREF(receive);
		return verdict;
	}
	if (content != NULL)
		Py_SETREF(receive, PyObject_CallFunctionObjArgs(st->receive_again, content,
		    c->receive, NULL));
	pyb_finish_files(c->run);
	/* Inside request_response the plan can read forms that its own parser cannot. */
	if (receive != NULL && (again ||
	    PyDict_SetItem(c->scope, st->t_replay, Py_True) == 0))
		verdict = pyb_leave_on(c, receive, c->send, out);
	Py_XDECREF(receive);
	return verdict;
}

/* Let `outcome` surface in the next application, which answers through `send`. */
static enum pyb_coro_verdict
surface(struct pyb_inner *c, PyObject *outcome, PyObject *send, PyObject **out)
{
	struct pyb_module_state *st = pyb_stack_state(c);
	int rc = PyDict_SetItem(c->scope, st->t_outcome, outcome);

	if (rc == 0 && c->run != NULL)
		rc = pyb_finish_give_files(c->run, c->scope);
	/* The content was read, and is kept by the Request. */
	if (rc == 0 && c->run != NULL && c->run->body != NULL && pyb_run_request(c->run) == NULL)
		rc = -1;
	if (rc == 0 && c->run != NULL && c->run->request != NULL)
		rc = PyDict_SetItem(c->scope, st->t_request, c->run->request);
	/* It surfaces behind the mounts that lead to the route. A route that is a mount itself is
	 * not entered again. */
	if (rc == 0 && c->place != NULL && pyb_enter_is_inside(c->place))
		rc = mounts_undo(c);
	return rc < 0 ? PYB_CORO_ERROR : next_call(c, c->receive, send, out);
}

bool
pyb_leave_is_due(const struct pyb_inner *c, PyObject *failure, bool handles)
{
	int used = c->outermost != NULL ? pyb_stacks_is_used(pyb_stack_state(c), c->outermost) : 0;

	if (used < 0)
		PyErr_Clear();
	return used != 0 || (failure != NULL && handles &&
	    PyErr_GivenExceptionMatches(failure, PyExc_Exception));
}

enum pyb_coro_verdict
pyb_leave_none(PyObject *failure, PyObject **out)
{
	if (failure != NULL) {
		PyErr_SetRaisedException(failure);
		return PYB_CORO_ERROR;
	}
	*out = Py_NewRef(Py_None);
	return PYB_CORO_RETURN;
}

enum pyb_coro_verdict
pyb_leave_handled(struct pyb_inner *c, PyObject *failure, PyObject **out)
{
	struct pyb_module_state *st = pyb_stack_state(c);
	enum pyb_coro_verdict verdict = PYB_CORO_ERROR;
	PyObject *outcome = PyObject_CallFunctionObjArgs(st->handled_outcome, c->scope,
	    failure != NULL ? failure : Py_None, NULL);

	if (outcome != NULL)
		verdict = surface(c, outcome, st->send_nothing, out);
	Py_XDECREF(outcome);
	Py_XDECREF(failure);
	return verdict;
}

enum pyb_coro_verdict
pyb_leave_outcome(struct pyb_inner *c, PyObject **out)
{
	struct pyb_module_state *st = pyb_stack_state(c);
	PyObject *outcome = c->run->outcome;
	enum pyb_coro_verdict verdict;
	bool begun;

	c->run->outcome = NULL;
	/* FastAPI's layers let all but Exception pass. */
	if (PyExceptionInstance_Check(outcome) &&
	    !PyErr_GivenExceptionMatches(outcome, PyExc_Exception)) {
		PyErr_SetRaisedException(outcome);
		return PYB_CORO_ERROR;
	}
	begun = c->run->answered || (PyObject *)Py_TYPE(outcome) == st->begun_class;
	verdict = surface(c, outcome, begun ? st->send_nothing : c->send, out);
	Py_DECREF(outcome);
	return verdict;
}
