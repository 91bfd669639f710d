/*
 * form: a form that goes into files while it arrives.
 *
 * Called by alone.c and stack/inner.c for forms that are too large to be in memory, and for
 * the limits of small ones. In python/fastrapi/compile/uploads.py is what reads the form: through
 * the Request, as FastAPI does. What is read cannot be read again: when the plan gives
 * up, FastAPI's own handler gets the form.
 */
#include "bindings/plan/form.h"

#include "base/must.h"
#include "bindings/asgi/observer.h"
#include "bindings/compat.h"
#include "bindings/plan/raised.h"
#include "bindings/plan/read.h"

int
pyb_form_limit(struct pyb_run *r)
{
	PyObject *limits;
	int rc = -1;

	if (!(r->plan->flags & SHM_PLAN_F_LIMITS))
		return 0;
	limits = PyObject_GetAttr(pyb_run_helper(r), r->app->st->n_form_limits);
	if (limits != NULL)
		rc = pyb_source_limit(&r->source, limits);
	PyErr_Clear();
	Py_XDECREF(limits);
	return rc;
}

PyObject *
pyb_form_read(struct pyb_run *r)
{
	PyObject *request = pyb_run_request(r);

	return request != NULL ? PyObject_CallMethodOneArg(pyb_run_helper(r),
	    r->app->st->n_read_form, request) : NULL;
}

/* Note the files among the pairs: they are closed when the run is over. 0, or -1 with an
 * exception set. */
static int
files_note(struct pyb_source *src)
{
	int rc = 0;

	must(src->files == NULL);
	src->files = PyList_New(0);
	if (src->files == NULL)
		return -1;
	for (size_t i = 0; rc == 0 && i < src->form_pairs.n; i++)
		if (src->form_pairs.all[i].file != NULL)
			rc = PyList_Append(src->files, src->form_pairs.all[i].file);
	return rc;
}

int
pyb_form_take(struct pyb_run *r, PyObject *form)
{
	int got;

	must(r->form == NULL || r->form == form);
	Py_XSETREF(r->form, Py_NewRef(form));
	got = pyb_source_form_data(&r->source, form, r->app->st);
	if (got > 0 && files_note(&r->source) < 0) {
		PyErr_Clear();
		Py_CLEAR(r->source.files);
		got = -1;
	}
	return got < 0 ? -1 : 0;
}

/* FastAPI ends the request. `content` is the form, or the exception that reading it raised. */
static void
give_up(struct pyb_run *r, PyObject *content)
{
	Py_CLEAR(r->source.files);	/* FastAPI closes them */
	shm_board_add(r->app->board, SHM_COUNT_replayed, 1);
	if (r->x->upper.observer != NULL)
		pyb_observer_replayed(r->x->upper.observer, r->replay_reason);
	r->outcome = PyObject_CallOneArg(r->app->st->form_outcome, content);
	if (r->outcome == NULL)
		r->outcome = PyErr_GetRaisedException();
}

/* Reading the form has raised. */
static void
unread(struct pyb_run *r)
{
	PyObject *exc = PyErr_GetRaisedException();

	r->replay_reason = "form cannot be read";
	if (PyErr_GivenExceptionMatches(exc, PyExc_Exception)) {
		give_up(r, exc);
		Py_DECREF(exc);
	} else {
		r->outcome = exc;
	}
}

enum pyb_coro_verdict
pyb_form_step(struct pyb_run *r, PyObject *value, PyObject **out)
{
	bool final;

	if (r->phase == PYB_RUN_NEW) {
		r->phase = PYB_RUN_BODY;
		*out = value != NULL ? pyb_form_read(r) : NULL;
		if (*out != NULL)
			return PYB_CORO_AWAIT;
		value = NULL;
	}
	if (value == NULL) {
		unread(r);
		return PYB_CORO_RETURN;
	}
	r->replay_reason = "unusual request";
	if (pyb_form_take(r, value) < 0 || !pyb_read_steps(r)) {
		give_up(r, value);
		return PYB_CORO_RETURN;
	}
	final = pyb_read_is_final(r);
	if (final && !pyb_raised_errors(r)) {
		r->replay_reason = "errors that are no JSON";
		give_up(r, value);
		return PYB_CORO_RETURN;
	}
	shm_board_add(r->app->board, SHM_COUNT_compiled, 1);
	r->phase = final ? PYB_RUN_ENDED : PYB_RUN_STEPS;
	return PYB_CORO_RETURN;
}
