/*
 * report: who hears of an exception that has reached the server.
 *
 * Called by asgi.c and websocket/websocket.c when the application has ended, by plan/ and by
 * bindings/request.c. The test client gets it, or else the log, in uvicorn's words. It must never
 * raise.
 */
#include "bindings/asgi/internal.h"
#include "bindings/compat.h"
#include "bindings/text.h"

/* The request's id, as its scope's state has it. Borrowed; NULL: it has none. */
static PyObject *
scope_id(const struct pyb_module_state *st, PyObject *scope)
{
	PyObject *state = NULL, *id = NULL;

	if (scope != NULL && PyDict_CheckExact(scope))
		state = PyDict_GetItemWithError(scope, st->n_state);
	if (state != NULL && PyDict_CheckExact(state))
		id = PyDict_GetItemWithError(state, st->n_request_id);
	PyErr_Clear();
	return id;
}

void
pyb_asgi_report(struct pyb_app *app, const struct hx_exchange *x, struct pyb_observer *seen,
    PyObject *scope, const char *message, PyObject *exc, bool left)
{
	PyObject *done, *id;

	if (x != NULL)
		seen = x->upper.observer;
	if (seen != NULL) {
		if (exc != NULL)
			pyb_observer_exception(seen, exc);
		return;
	}
	if (x != NULL && x->request_id.len > 0)
		id = pyb_text_latin1(x->request_id);
	else
		id = Py_XNewRef(x == NULL ? scope_id(app->st, scope) : NULL);
	PyErr_Clear();
	done = PyObject_CallFunction(app->st->log_exception, "sOOO", message,
	    exc != NULL ? exc : Py_None, left ? Py_True : Py_False, id != NULL ? id : Py_None);
	if (done == NULL)
		PyErr_WriteUnraisable(app->asgi);
	Py_XDECREF(done);
	Py_XDECREF(id);
}

void
pyb_asgi_lost(struct pyb_app *app, struct hx_exchange *x)
{
	PyObject *exc = PyErr_GetRaisedException();

	pyb_asgi_report(app, x, NULL, NULL, "cannot make an ASGI request", exc, false);
	Py_XDECREF(exc);
	x->calls->abort(x);
}

void
pyb_asgi_late(struct pyb_app *app, struct hx_exchange *x, PyObject *exc)
{
	shm_board_add(app->board, SHM_COUNT_exceptions, 1);
	pyb_asgi_report(app, x, NULL, NULL, PYB_ASGI_RAISED, exc, false);
}
