/*
 * observer: what a test client wants to know about its requests.
 *
 * The exchange of a test client's connection has one; the exchanges of a worker have
 * none (x->upper.observer is NULL). The test client's object contains the struct and
 * keeps it as long as the connection. Code of the application that outlives the
 * exchange keeps the struct through `owner`.
 */
#ifndef BINDINGS_ASGI_OBSERVER_H
#define BINDINGS_ASGI_OBSERVER_H

#include <Python.h>

#include "base/attr.h"

/* Call upward, with the interpreter held: the last run of the application ended. */
typedef void pyb_observer_idle_f(PyObject *owner);

struct pyb_observer {
	PyObject *owner;		/* borrowed: the object that contains this struct */
	pyb_observer_idle_f *idle;
	/* What scopes get of this connection. */
	PyObject *client;		/* (host, port); host may be a name, as TestClient's is */
	PyObject *server;		/* [host, port] */
	PyObject *state;		/* what scope["state"] is copied from; NULL: empty */
	PyObject *context;		/* of whoever sent the last bytes; NULL: nobody did */
	/* The report. */
	PyObject *exceptions;		/* list: exceptions that reached the server */
	PyObject *reasons;		/* dict: reason -> number of requests without their plan */
	uint64_t asgi;			/* requests whose plan was not tried */
	size_t running;			/* runs of the application that have not ended */
};

/* Fill a zeroed struct. `state` may be None. 0, or -1 with an exception set; what was
 * filled stays for pyb_observer_clear(). */
int pyb_observer_init(struct pyb_observer *seen, PyObject *owner, pyb_observer_idle_f *idle,
    PyObject *client, PyObject *server, PyObject *state) MUST_CHECK;
void pyb_observer_clear(struct pyb_observer *seen);
int pyb_observer_traverse(struct pyb_observer *seen, visitproc visit, void *arg);

/* Enter a copy of `seen->context`, which is then the current context: a request begins,
 * and finds the test's context variables. New reference, for pyb_observer_leave(). NULL:
 * the current context stays (`seen` is NULL, or has none). Leaves no exception. */
PyObject *pyb_observer_enter(struct pyb_observer *seen);
void pyb_observer_leave(PyObject *context);

/* Report an exception that reached the server. Leaves no exception. */
void pyb_observer_exception(struct pyb_observer *seen, PyObject *exc);

/* Report that a plan gave the request back, or was not tried at all, for a reason
 * (UTF-8 text, copied). Leave no exception. */
void pyb_observer_replayed(struct pyb_observer *seen, const char *reason);
void pyb_observer_asgi(struct pyb_observer *seen, const char *reason);

/* A run of the application begins or ends. The end of the last one calls `idle`. */
void pyb_observer_run_begin(struct pyb_observer *seen);
void pyb_observer_run_end(struct pyb_observer *seen);

#endif
