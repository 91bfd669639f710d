/*
 * internal: what asgi.c, body.c, receive.c, report.c and send.c share; no other file
 * includes it.
 */
#ifndef BINDINGS_ASGI_INTERNAL_H
#define BINDINGS_ASGI_INTERNAL_H

#include "base/attr.h"
#include "bindings/asgi/asgi.h"
#include "bindings/asgi/observer.h"
#include "bindings/loop/local.h"
#include "bindings/loop/waiters.h"

struct pyb_asgi {
	PyObject_HEAD
	struct pyb_app *app;		/* strong */
	struct hx_exchange *x;		/* NULL: detached, see pyb_asgi_detach() */
	bool running;			/* the application runs: counted in app->running */
	struct pyb_observer *seen;	/* while running or answered under observation, else NULL */
	PyObject *seen_owner;		/* strong: keeps `seen` */
	PyObject *scope;
	PyObject *callable, *extra;	/* of pyb_asgi_start(); NULL once called */
	PyObject *task;			/* strong: of pyb_asgi_start(), while it runs */
	struct pyb_loop_local *keeper;	/* strong: holds `task`, which outlives the answer */
	PyObject *receivers;		/* what waits for content, see waiters.h; or NULL */
	PyObject *senders;		/* what waits for the backlog, or NULL */
	bool started;			/* http.response.start was sent */
	bool headless;			/* but it was refused */
	bool complete;			/* the last http.response.body was sent */
	bool delivered;			/* receive() has given the last of the content */
};

/* The answer was cut behind the application's back: there was no memory for a part of it, or
 * its length is wrong. */
static inline bool
pyb_asgi_is_cut(const struct pyb_asgi *a)
{
	return a->x != NULL && !a->complete &&
	    (a->x->state == HX_DONE || a->x->state == HX_FAILED);
}

/* Give the exchange back to its owner and never use it again. Wakes every coroutine that
 * waits in receive() or send(), and drops the exchange's reference to `a`. The exchange
 * may begin its next request before this returns. A second call does nothing. */
void pyb_asgi_detach(struct pyb_asgi *a);

/* watch() -> a future that is done when receive() would give http.disconnect, after all
 * content was received. None: the content is not complete, or the client is gone. */
PyObject *pyb_asgi_method_watch(PyObject *self, PyObject *ignored);

/* The content of a message as bytes; `body` NULL: it has none, or an exception is set. May run user
 * code. New reference; NULL with an exception set. */
PyObject *pyb_asgi_content_of(const struct hx_exchange *x, PyObject *body) MUST_CHECK;

/* Send content, bytes, the last one if `last`. 0, or -1 with an exception set. */
int pyb_asgi_content_send(struct pyb_asgi *a, PyObject *content, bool last) MUST_CHECK;

/* Methods receive() and send(message). */
PyObject *pyb_asgi_method_receive(PyObject *self, PyObject *ignored);
PyObject *pyb_asgi_method_send(PyObject *self, PyObject *message);

#endif
