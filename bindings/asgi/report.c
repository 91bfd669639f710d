/*
 * report: who hears of an exception that has reached the server.
 *
 * Called by asgi.c when the application has ended, by plan/ and by bindings/request.c. The
 * test client gets it, or else the log, in uvicorn's words. It must never raise.
 */
#include "bindings/asgi/internal.h"
#include "bindings/compat.h"

void
pyb_asgi_report(struct pyb_app *app, struct pyb_observer *seen, const char *message,
    PyObject *exc, bool left)
{
	PyObject *done;

	if (seen != NULL) {
		if (exc != NULL)
			pyb_observer_exception(seen, exc);
		return;
	}
	done = PyObject_CallFunction(app->st->log_exception, "sOO", message,
	    exc != NULL ? exc : Py_None, left ? Py_True : Py_False);
	if (done == NULL)
		PyErr_WriteUnraisable(app->asgi);
	Py_XDECREF(done);
}

void
pyb_asgi_lost(struct pyb_app *app, struct hx_exchange *x)
{
	PyObject *exc = PyErr_GetRaisedException();

	pyb_asgi_report(app, x->upper.observer, "cannot make an ASGI request", exc, false);
	Py_XDECREF(exc);
	x->calls->abort(x);
}

void
pyb_asgi_late(struct pyb_app *app, struct hx_exchange *x, PyObject *exc)
{
	shm_board_add(app->board, SHM_COUNT_exceptions, 1);
	pyb_asgi_report(app, x->upper.observer, PYB_ASGI_RAISED, exc, false);
}
