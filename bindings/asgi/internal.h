/*
 * internal: what asgi.c, receive.c and send.c share; no other file includes it.
 */
#ifndef BINDINGS_ASGI_INTERNAL_H
#define BINDINGS_ASGI_INTERNAL_H

#include "bindings/asgi/asgi.h"
#include "bindings/asgi/observer.h"

struct pyb_asgi {
	PyObject_HEAD
	struct pyb_app *app;		/* strong */
	struct hx_exchange *x;		/* NULL: let go */
	bool running;			/* counted in app->running */
	struct pyb_observer *seen;	/* while the application runs under observation */
	PyObject *seen_owner;		/* strong: keeps `seen` */
	PyObject *scope;
	PyObject *callable, *extra;	/* of pyb_asgi_start(); NULL once called */
	PyObject *task;			/* strong: a pending task must not be collected */
	PyObject *receivers;		/* list of futures that wait for content, or NULL */
	PyObject *senders;		/* list of futures that wait for the backlog, or NULL */
	bool started;			/* http.response.start was sent */
	bool complete;			/* the last http.response.body was sent */
	bool delivered;			/* the application has the last of the content */
	bool chunked;			/* the content of the answer has no known length */
	bool length_known;
	uint64_t length_left;		/* of a known length */
};

/* The exchange is not ours any more: clears x->upper.asgi, tells the owner. */
void pyb_asgi_let_go(struct pyb_asgi *a);

/* A new future of the running loop, appended to *list. New reference. */
PyObject *pyb_asgi_wait(struct pyb_asgi *a, PyObject **list);

/* Methods receive() and send(message). */
PyObject *pyb_asgi_method_receive(PyObject *self, PyObject *ignored);
PyObject *pyb_asgi_method_send(PyObject *self, PyObject *message);

#endif
