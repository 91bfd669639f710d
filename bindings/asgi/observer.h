/*
 * observer: what a test client wants to know about its requests.
 *
 * An exchange of the test client carries one; in a worker there is none. The
 * test client owns it and keeps it as long as its connection; code of the
 * application that outlives the exchange keeps it through `owner`.
 */
#ifndef BINDINGS_ASGI_OBSERVER_H
#define BINDINGS_ASGI_OBSERVER_H

#include <Python.h>

struct pyb_observer {
	PyObject *exceptions;	/* list: exceptions that reached the server */
	PyObject *reasons;	/* dict: reason -> count, requests not run compiled */
	PyObject *client;	/* (host, port): may be a name, as TestClient's is */
	PyObject *server;	/* [host, port] */
	PyObject *state;	/* scope["state"] of this connection, or NULL */
	uint64_t asgi;		/* requests without a plan */
	PyObject *owner;	/* borrowed: the object around this struct */
	size_t running;		/* ASGI applications under way, with or without an exchange */
	void (*idle)(struct pyb_observer *seen);	/* `running` has become 0 */
};

#endif
