/*
 * internal: what the files of this shelf share; no other file includes it.
 */
#ifndef BINDINGS_WEBSOCKET_INTERNAL_H
#define BINDINGS_WEBSOCKET_INTERNAL_H

#include <Python.h>

#include "base/attr.h"
#include "base/utf8.h"
#include "bindings/app.h"
#include "bindings/loop/local.h"
#include "bindings/loop/waiters.h"
#include "bindings/websocket/websocket.h"

/* The message that is coming in. */
struct pyb_incoming {
	PyObject *object;		/* str or bytes of its length, into which it is written; NULL: its
					 * length is not known, or there is none */
	char *bytes;			/* of `object`, or of the heap */
	size_t len, cap;
	bool ascii;			/* all of them are */
	struct utf8_stream text;
};

/* What receive() gives, in order. */
struct pyb_events {
	PyObject **all;			/* str and bytes of messages; a dict is the message itself */
	size_t first, n, cap;		/* a ring */
};

enum pyb_websocket_state {
	PYB_WEBSOCKET_CONNECTING,	/* not accepted yet */
	PYB_WEBSOCKET_DENYING,		/* an answer of HTTP's has begun */
	PYB_WEBSOCKET_OPEN,
	PYB_WEBSOCKET_CLOSED,		/* by the application, or it was denied */
	PYB_WEBSOCKET_GONE		/* by the client or the server, which ends it after the application */
};

struct pyb_websocket {
	PyObject_HEAD
	struct pyb_app *app;		/* strong */
	struct hx_exchange *x;		/* NULL: it was let go of, see pyb_websocket_detach() */
	enum pyb_websocket_state state;
	bool running;			/* the application runs: counted in app->running */
	PyObject *scope;
	PyObject *callable;		/* NULL once called */
	PyObject *task;			/* strong, while it runs */
	struct pyb_loop_local *local;	/* strong: holds `task`, which outlives the exchange */
	PyObject *receivers;		/* what waits for an event, see waiters.h; or NULL */
	PyObject *senders;		/* what waits for the backlog, or NULL */
	struct pyb_incoming incoming;
	struct pyb_events events;
	int status;			/* of the answer that denies it, */
	PyObject *headers;		/* its fields, an iterable, */
	PyObject *content;		/* and what there is of its content, bytes */
};

/* Let go of the exchange, which may be gone before this returns. Wakes every coroutine that waits
 * in receive() or send(). A second call does nothing. */
void pyb_websocket_detach(struct pyb_websocket *w);

/* Add a part. *message: the whole message, a new reference, when it was the last one; else NULL. 0, or
 * the code to close with. Leaves no exception. */
unsigned pyb_message_add(struct pyb_incoming *in, const struct hx_part *part, PyObject **message)
    MUST_CHECK;
void pyb_message_fini(struct pyb_incoming *in);

/* Queue an event (stolen) and wake who waits. 0, or -1 when out of memory: it is lost. No exception. */
int pyb_receive_put(struct pyb_websocket *w, PyObject *event) MUST_CHECK;

/* Queue the disconnect, the last event. Leaves no exception. */
void pyb_receive_end(struct pyb_websocket *w, unsigned code, const char *reason, size_t len);
void pyb_receive_fini(struct pyb_events *e);

/* Is the first event, which is to be taken next, websocket.connect? */
bool pyb_receive_is_new(const struct pyb_websocket *w);

/* The first event, which leaves the ring. There is one. */
PyObject *pyb_receive_take(struct pyb_events *e);

/* The message of ASGI for an event (stolen). NULL with an exception set. */
PyObject *pyb_receive_message(struct pyb_module_state *st, PyObject *event) MUST_CHECK;

/* The message where there is no event and none will come. NULL with an exception set. */
PyObject *pyb_receive_nothing(struct pyb_module_state *st) MUST_CHECK;

/* What to await for an event. The exchange is there. New reference; NULL with an exception set. */
PyObject *pyb_receive_wait(struct pyb_websocket *w) MUST_CHECK;

/* Send `data` as a message of this kind; or ASGI's message of this type, whose members are read only
 * where its state allows it. 0, or -1 with an exception set. */
int pyb_send_data(struct pyb_websocket *w, enum hx_opcode opcode, PyObject *data) MUST_CHECK;
int pyb_send_typed(struct pyb_websocket *w, PyObject *type, PyObject *message) MUST_CHECK;

/* message[key], new reference; None for a key that is absent. NULL with an exception set. May run user
 * code. */
PyObject *pyb_websocket_get_or_none(PyObject *message, PyObject *key) MUST_CHECK;

/* Set the exception of a send() whose other side is gone. Returns -1. */
int pyb_websocket_disconnected(struct pyb_websocket *w) MUST_CHECK;

/* The application has ended it: a later send() is a mistake, and receive() says so. */
void pyb_websocket_close_here(struct pyb_websocket *w, unsigned code, const char *reason, size_t len);

/* Answer the handshake: websocket.accept; websocket.close; websocket.http.response.start and .body. 0, or
 * -1 with an exception set. */
int pyb_websocket_accept(struct pyb_websocket *w, PyObject *message) MUST_CHECK;
int pyb_websocket_deny(struct pyb_websocket *w) MUST_CHECK;
int pyb_websocket_deny_start(struct pyb_websocket *w, PyObject *message) MUST_CHECK;
int pyb_websocket_deny_body(struct pyb_websocket *w, PyObject *message) MUST_CHECK;

/* Methods receive() and send(message). */
PyObject *pyb_websocket_method_receive(PyObject *self, PyObject *ignored);
PyObject *pyb_websocket_method_send(PyObject *self, PyObject *message);

#endif
