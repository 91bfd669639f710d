/*
 * observer: what a test client wants to know about its requests.
 *
 * Called by asgi.c, report.c, bindings/request.c, plan/after.c, plan/form.c and
 * engine/testclient.c. A report that cannot be written (no memory) is dropped: it never changes how
 * a request ends.
 */
#include "bindings/asgi/observer.h"

#include "base/must.h"
#include "bindings/context.h"

int
pyb_observer_init(struct pyb_observer *seen, PyObject *owner, pyb_observer_idle_f *idle,
    PyObject *client, PyObject *server, PyObject *state)
{
	seen->owner = owner;
	seen->idle = idle;
	seen->client = Py_NewRef(client);
	seen->server = Py_NewRef(server);
	seen->state = state != Py_None ? Py_NewRef(state) : NULL;
	seen->exceptions = PyList_New(0);
	seen->reasons = PyDict_New();
	return seen->exceptions == NULL || seen->reasons == NULL ? -1 : 0;
}

void
pyb_observer_clear(struct pyb_observer *seen)
{
	Py_CLEAR(seen->client);
	Py_CLEAR(seen->server);
	Py_CLEAR(seen->state);
	Py_CLEAR(seen->context);
	Py_CLEAR(seen->exceptions);
	Py_CLEAR(seen->reasons);
}

int
pyb_observer_traverse(struct pyb_observer *seen, visitproc visit, void *arg)
{
	Py_VISIT(seen->client);
	Py_VISIT(seen->server);
	Py_VISIT(seen->state);
	Py_VISIT(seen->context);
	Py_VISIT(seen->exceptions);
	Py_VISIT(seen->reasons);
	return 0;
}

PyObject *
pyb_observer_enter(struct pyb_observer *seen)
{
	PyObject *context = NULL;

	if (seen == NULL || seen->context == NULL)
		return NULL;
	context = PyContext_Copy(seen->context);
	if (context == NULL || PyContext_Enter(context) < 0) {
		PyErr_Clear();
		Py_CLEAR(context);
	}
	return context;
}

void
pyb_observer_leave(PyObject *context)
{
	if (context == NULL)
		return;
	pyb_context_leave(context);
	Py_DECREF(context);
}

void
pyb_observer_exception(struct pyb_observer *seen, PyObject *exc)
{
	if (PyList_Append(seen->exceptions, exc) < 0)
		PyErr_Clear();
}

void
pyb_observer_replayed(struct pyb_observer *seen, const char *reason)
{
	PyObject *old = PyDict_GetItemString(seen->reasons, reason);
	PyObject *n = PyLong_FromLong(old != NULL ? PyLong_AsLong(old) + 1 : 1);

	if (n == NULL || PyDict_SetItemString(seen->reasons, reason, n) < 0)
		PyErr_Clear();
	Py_XDECREF(n);
}

void
pyb_observer_asgi(struct pyb_observer *seen, const char *reason)
{
	seen->asgi++;
	pyb_observer_replayed(seen, reason);
}

void
pyb_observer_run_begin(struct pyb_observer *seen)
{
	seen->running++;
}

void
pyb_observer_run_end(struct pyb_observer *seen)
{
	must(seen->running > 0);
	if (--seen->running == 0)
		seen->idle(seen->owner);
}
