/*
 * finish: the end of a run, alone or behind a layer.
 *
 * Called by alone.c and by stack/ on the loop's thread. User code has begun by then, so that
 * nothing here may replay the request. What resumes the application's stack is for runs that
 * stand alone; stack/ has a way of its own.
 */
#include "bindings/plan/finish.h"

#include "base/must.h"
#include "bindings/compat.h"
#include "bindings/plan/after.h"
#include "bindings/plan/exits.h"
#include "bindings/plan/give.h"
#include "bindings/plan/raised.h"
#include "bindings/plan/stacks.h"
#include "bindings/plan/stream.h"
#include "bindings/plan/tasks.h"
#include "bindings/session.h"
#include "middleware/exchange.h"

enum {
	MAX_CONTEXTS = 100,	/* user code may have made a circle of them */
	LATE_USED = 1 << PYB_STACK_LATE
};

/* `failure` was raised while `handled` was, as Python would have noted. */
static void
context_add(PyObject *failure, PyObject *handled)
{
	PyObject *last = Py_NewRef(failure), *next;

	for (int n = 0; n < MAX_CONTEXTS && last != handled; n++) {
		next = PyException_GetContext(last);
		if (next == NULL)
			break;
		Py_SETREF(last, next);
	}
	if (last != handled)
		PyException_SetContext(last, Py_NewRef(handled));
	Py_DECREF(last);
}

/* Leave in r->outcome what FastAPI's own exit stacks must end: `response` was returned, or
 * the pending exception was raised. Both may be, when an early exit raised. */
static void
outcome_unwind(struct pyb_run *r, PyObject *response)
{
	PyObject *failure = PyErr_GetRaisedException();

	if (r->handled != NULL && r->handled != Py_None && failure != NULL)
		context_add(failure, r->handled);
	if (r->handled != NULL)
		r->outcome = PyObject_CallFunctionObjArgs(r->app->st->handled_outcome, r->scope,
		    failure != NULL ? failure : Py_None, NULL);
	else
		r->outcome = pyb_exits_unwinding(r, response, failure);
	if (r->outcome == NULL)
		r->outcome = PyErr_GetRaisedException();
	Py_XDECREF(failure);
}

/* The answer was given, and FastAPI has left those of its exit stacks from `first` on. Behind a
 * layer the answer goes out next. */
static void
given(struct pyb_run *r, int first)
{
	for (int i = first; i < PYB_EXIT_STACKS; i++)
		Py_CLEAR(r->stacks[i]);
	r->phase = r->scope != NULL || r->streams ? PYB_RUN_SEND :
	    r->tasks != NULL ? PYB_RUN_BACKGROUND : r->late != NULL ? PYB_RUN_LATE : PYB_RUN_ENDED;
	if (r->phase == PYB_RUN_SEND)
		r->answered = r->scope != NULL;
	else if (r->phase != PYB_RUN_ENDED)
		pyb_after_begin(r);
}

void
pyb_finish_handled(struct pyb_run *r, PyObject *exc)
{
	if (r->scope != NULL)
		Py_XSETREF(r->handled, Py_NewRef(exc));
	Py_DECREF(exc);
	given(r, PYB_STACK_LATE);
}

/* An exception is pending; nothing was answered yet. `used`: stacks in the scope. */
static void
raised(struct pyb_run *r, int used)
{
	if (used != 0 || pyb_exits_open(r) || r->made != NULL) {
		outcome_unwind(r, r->made);
		return;
	}
	r->outcome = PyErr_GetRaisedException();
	if (pyb_raised_answer(r, r->outcome)) {
		PyObject *exc = r->outcome;

		r->outcome = NULL;
		pyb_finish_handled(r, exc);
	}
}

/* The Response must be awaited. Stolen. FastAPI's layers do it, if it is no plain stream. */
static void
response_leave(struct pyb_run *r, PyObject *response, int used)
{
	if (pyb_stream_give(r, response)) {
		Py_DECREF(response);
		given(r, PYB_STACK_EARLY);
		return;
	}
	if (used == 0 && !pyb_exits_open(r) && r->scope == NULL) {
		r->outcome = response;
		return;
	}
	outcome_unwind(r, response);
	Py_DECREF(response);
}

/* A Response (stolen) that pyb_give_result() has not given. */
static void
response_over(struct pyb_run *r, PyObject *response, int used)
{
	if (pyb_tasks_return(r, response) < 0) {
		Py_DECREF(response);
		raised(r, used);
	} else if (used == 0 && pyb_tasks_send(r, response)) {
		Py_DECREF(response);
		given(r, PYB_STACK_EARLY);
	} else {
		response_leave(r, response, used);
	}
}

/* Those to be left early are left: send the Response that was made. What the late stack has
 * is left after it, as for server-sent events. */
static void
early_over(struct pyb_run *r, int used)
{
	PyObject *response = r->made;

	if (used & ~LATE_USED) {
		outcome_unwind(r, response);
		return;
	}
	r->made = NULL;
	response_over(r, response, used);
}

/* The endpoint has returned r->result: answer, or leave the early dependencies first. */
static void
steps_over(struct pyb_run *r, int used)
{
	PyObject *response = NULL;

	if (used != 0 || r->early != NULL) {
		r->made = pyb_result_response(r);
		if (r->made == NULL)
			raised(r, used);
		else if (r->early != NULL && (used & ~LATE_USED) == 0)
			r->phase = PYB_RUN_EARLY;
		else
			early_over(r, used);
		return;
	}
	pyb_tasks_take(r);
	switch (pyb_give_result(r, &response)) {
	case PYB_RESULT_SENT:
		given(r, PYB_STACK_EARLY);
		break;
	case PYB_RESULT_RESPONSE:
		response_over(r, response, 0);
		break;
	case PYB_RESULT_ERROR:
		pyb_tasks_back(r);
		raised(r, 0);
		break;
	}
}

/* A phase after the answer is over, or one that gave it. Behind a layer user code may have put
 * something on FastAPI's stacks meanwhile: they leave it, when their turn comes, but for the
 * late one, which is left here. */
static void
answer_over(struct pyb_run *r, bool returned, int used)
{
	bool late = r->late != NULL || (used & LATE_USED);
	enum pyb_run_phase next = r->phase == PYB_RUN_SEND && r->tasks != NULL ?
	    PYB_RUN_BACKGROUND : r->phase != PYB_RUN_LATE && late ? PYB_RUN_LATE : PYB_RUN_ENDED;

	if (returned) {
		if ((used & ~LATE_USED) && next != PYB_RUN_BACKGROUND)
			outcome_unwind(r, NULL);
	} else if (used != 0 || pyb_exits_open(r) || PyErr_ExceptionMatches(PyExc_Exception)) {
		outcome_unwind(r, r->streams ? r->made : NULL);
	} else {
		r->outcome = PyErr_GetRaisedException();
	}
	if (r->streams && r->phase == PYB_RUN_SEND && r->outcome == NULL && next != PYB_RUN_ENDED)
		pyb_stream_sent(r);
	r->phase = next;
}

/* A phase of a WebSocket's plan is over. What its endpoint returns goes nowhere. FastAPI's own stacks
 * leave what is entered when something was raised, or when user code has put something on one of
 * them. */
static void
websocket_over(struct pyb_run *r, bool returned, int used)
{
	bool late = r->late != NULL || (used & LATE_USED);

	if (!returned && used == 0 && !pyb_exits_open(r)) {
		r->outcome = PyErr_GetRaisedException();
	} else if (!returned || (used & ~LATE_USED)) {
		outcome_unwind(r, NULL);
	} else if (r->early != NULL) {
		r->phase = PYB_RUN_EARLY;
	} else {
		/* FastAPI has left it: what a late exit still puts there stays there. */
		Py_CLEAR(r->stacks[PYB_STACK_EARLY]);
		r->phase = late ? PYB_RUN_LATE : PYB_RUN_ENDED;
	}
}

void
pyb_finish_phase(struct pyb_run *r, bool returned)
{
	int used = 0;
	PyObject *pending;

	must((r->outcome == NULL) && (returned == (PyErr_Occurred() == NULL)));
	pending = PyErr_GetRaisedException();
	used = pyb_stacks_used(r);
	if (used < 0) {
		Py_XDECREF(pending);
		returned = false;
	} else if (pending != NULL) {
		PyErr_SetRaisedException(pending);
	}
	used = used < 0 ? 0 : used;
	if (r->plan->flags & SHM_PLAN_F_WEBSOCKET)
		websocket_over(r, returned, used);
	else if (r->answered || r->streams)
		answer_over(r, returned, used);
	else if (!returned)
		raised(r, used);
	else if (r->phase == PYB_RUN_STEPS)
		steps_over(r, used);
	else
		early_over(r, used);
}

int
pyb_finish_give_files(struct pyb_run *r, PyObject *scope)
{
	PyObject *items;
	int rc;

	if (r->source.files == NULL)
		return 0;
	items = pyb_source_form_items(&r->source);
	rc = items == NULL ? -1 :
	    PyDict_SetItem(scope, r->app->st->t_form, items);
	Py_XDECREF(items);
	if (rc == 0)
		Py_CLEAR(r->source.files);
	return rc;
}

/* The application's own stack, with all its middleware, takes the native layers' place. It
 * goes on with the session that user code has seen. 0, or -1 with an exception set. */
static int
layers_leave(struct pyb_run *r)
{
	int rc = 0;

	if (r->x == NULL)
		return 0;
	if (r->asgi != NULL)
		rc = pyb_session_save(r->app->st, mw_exchange_session(r->x, MW_INSIDE),
		    pyb_asgi_scope(r->asgi));
	mw_exchange_leave(r->x);
	return rc;
}

/* The ASGI side of the exchange, made if there is none. The scope gets the Request that
 * user code has seen, so that exception handlers get the same one. Borrowed; NULL with
 * an exception set. */
static struct pyb_asgi *
asgi_get(struct pyb_run *r)
{
	if (layers_leave(r) < 0)
		return NULL;
	if (r->asgi == NULL && r->x != NULL)
		r->asgi = pyb_asgi_new(r->app, r->x);
	else if (r->asgi == NULL && r->kept != NULL)
		r->asgi = pyb_asgi_new_answered(r->app, r->kept);
	else if (r->asgi == NULL)
		PyErr_NoMemory();
	if (r->asgi != NULL && r->request != NULL &&
	    PyDict_SetItem(pyb_asgi_scope(r->asgi), r->app->st->t_request, r->request) < 0)
		PyErr_Clear();
	return r->asgi == NULL || pyb_finish_give_files(r, pyb_asgi_scope(r->asgi)) == 0 ?
	    r->asgi : NULL;
}

void
pyb_finish_files(struct pyb_run *r)
{
	PyObject *done, *exc;

	if (r->source.files == NULL)
		return;
	done = PyObject_CallMethodOneArg(pyb_run_helper(r), r->app->st->n_close_files,
	    r->source.files);
	if (done == NULL && r->x == NULL) {
		PyErr_WriteUnraisable(r->app->asgi);
	} else if (done == NULL) {
		exc = PyErr_GetRaisedException();
		pyb_asgi_late(r->app, r->x, exc);
		Py_DECREF(exc);
	}
	Py_XDECREF(done);
	Py_CLEAR(r->source.files);
}

void
pyb_finish_late(struct pyb_run *r)
{
	if (r->outcome == NULL || !PyExceptionInstance_Check(r->outcome) || r->asgi == NULL ||
	    r->x == NULL || !pyb_asgi_is_answered(r->asgi))
		return;
	pyb_asgi_late(r->app, r->x, r->outcome);
	Py_CLEAR(r->outcome);
}

/* There is no ASGI side. Report the exception that is set. */
static void
lost(struct pyb_run *r)
{
	if (r->x != NULL)
		pyb_asgi_lost(r->app, r->x);
	else
		PyErr_WriteUnraisable(r->app->asgi);
}

PyObject *
pyb_finish_resume(struct pyb_run *r)
{
	PyObject *receive = NULL, *send = NULL, *coro = NULL, *outcome = r->outcome;

	must(outcome != NULL);
	r->outcome = NULL;
	if (asgi_get(r) != NULL) {
		if (r->streams && !pyb_stream_has_begun(r))
			pyb_asgi_take_back(r->asgi);
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
		    r->local, &r->app->late, r->binding->resume, outcome, r->context);
	else
		lost(r);
	Py_DECREF(outcome);
}

void
pyb_finish_resumed(struct pyb_run *r, PyObject *value)
{
	if (r->asgi != NULL)
		pyb_asgi_finish(r->asgi, value);
	else
		lost(r);
}
