/*
 * finish: the end of a run that stands alone.
 *
 * Called by alone.c on the loop's thread. User code has begun by then, so that nothing
 * here may replay the request.
 */
#include "bindings/plan/finish.h"

#include "base/must.h"
#include "bindings/compat.h"
#include "bindings/plan/result.h"

/* Has user code put anything on the exit stacks in the scope? 1 or 0; a pending exception
 * is still set afterwards. -1 when helper.stacks_used() raised: its exception is set, and
 * the pending one is dropped. */
static int
stacks_used(struct pyb_run *r)
{
	PyObject *pending, *used;
	int is;

	if (!(r->plan->flags & SHM_PLAN_F_SCOPE) || r->request == NULL)
		return 0;
	pending = PyErr_GetRaisedException();
	used = PyObject_CallMethodOneArg(pyb_run_helper(r), r->app->st->n_stacks_used,
	    pyb_asgi_scope(r->asgi));
	is = used != NULL ? used == Py_True : -1;
	Py_XDECREF(used);
	if (is < 0)
		Py_XDECREF(pending);
	else if (pending != NULL)
		PyErr_SetRaisedException(pending);
	return is;
}

/* Let helper.unwind(scope, outcome) make the outcome one that also closes those
 * stacks. */
static void
outcome_unwind(struct pyb_run *r, bool returned)
{
	PyObject *outcome = returned ? pyb_result_response(r) : PyErr_GetRaisedException();

	if (outcome == NULL)
		outcome = PyErr_GetRaisedException();
	r->outcome = PyObject_CallMethodObjArgs(pyb_run_helper(r), r->app->st->n_unwind,
	    pyb_asgi_scope(r->asgi), outcome, NULL);
	if (r->outcome == NULL)
		r->outcome = PyErr_GetRaisedException();
	Py_DECREF(outcome);
}

void
pyb_finish_answer(struct pyb_run *r, bool returned)
{
	PyObject *response = NULL;
	enum pyb_result_verdict verdict = PYB_RESULT_ERROR;
	int used = stacks_used(r);

	if (used > 0) {
		outcome_unwind(r, returned);
		return;
	}
	if (returned && used == 0)
		verdict = pyb_result_answer(r, &response);
	if (verdict == PYB_RESULT_RESPONSE)
		r->outcome = response;
	else if (verdict == PYB_RESULT_ERROR)
		r->outcome = PyErr_GetRaisedException();
}

/* The ASGI side of the exchange, made if there is none. The scope gets the Request that
 * user code has seen, so that exception handlers get the same one. Borrowed; NULL with
 * an exception set. */
static struct pyb_asgi *
asgi_get(struct pyb_run *r)
{
	if (r->asgi == NULL)
		r->asgi = pyb_asgi_new(r->app, r->x);
	if (r->asgi != NULL && r->request != NULL &&
	    PyDict_SetItem(pyb_asgi_scope(r->asgi), r->app->st->t_request, r->request) < 0)
		PyErr_Clear();
	return r->asgi;
}

void
pyb_finish_late(struct pyb_run *r)
{
	if (r->outcome == NULL || !PyExceptionInstance_Check(r->outcome) || r->asgi == NULL ||
	    !pyb_asgi_is_answered(r->asgi))
		return;
	pyb_asgi_late(r->app, r->x, r->outcome);
	Py_CLEAR(r->outcome);
}

PyObject *
pyb_finish_resume(struct pyb_run *r)
{
	PyObject *receive = NULL, *send = NULL, *coro = NULL, *outcome = r->outcome;

	must(outcome != NULL);
	r->outcome = NULL;
	if (asgi_get(r) != NULL) {
		pyb_asgi_begin(r->asgi);
		receive = pyb_asgi_receive(r->asgi);
		send = pyb_asgi_send(r->asgi);
	}
	if (receive != NULL && send != NULL)
		coro = PyObject_CallFunctionObjArgs(r->binding->resume,
		    pyb_asgi_scope(r->asgi), receive, send, outcome, NULL);
	Py_XDECREF(receive);
	Py_XDECREF(send);
	Py_DECREF(outcome);
	return coro;
}

void
pyb_finish_resume_start(struct pyb_run *r)
{
	PyObject *outcome = r->outcome;

	must(outcome != NULL);
	r->outcome = NULL;
	if (asgi_get(r) != NULL)
		pyb_asgi_start((struct pyb_asgi *)Py_NewRef((PyObject *)r->asgi),
		    r->local, r->binding->resume, outcome, r->context);
	else
		pyb_asgi_lost(r->app, r->x);
	Py_DECREF(outcome);
}

void
pyb_finish_resumed(struct pyb_run *r, PyObject *value)
{
	if (r->asgi != NULL)
		pyb_asgi_finish(r->asgi, value);
	else
		pyb_asgi_lost(r->app, r->x);
}
