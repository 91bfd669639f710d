/*
 * asgi: a request given to an ASGI 3 application.
 *
 * One Python object per request holds scope, receive and send. It lets go of
 * the exchange as soon as the answer is complete: an application that keeps
 * running (background tasks) or keeps `receive` and `send` for ever sees a
 * disconnected client, and the connection goes on with its next request.
 */
#ifndef BINDINGS_ASGI_ASGI_H
#define BINDINGS_ASGI_ASGI_H

#include <Python.h>

#include "bindings/app.h"
#include "http/exchange.h"

struct pyb_asgi;

/* The ASGI side of `x`: becomes x->upper.asgi. New reference (the exchange holds its
 * own until it is let go); NULL with an exception set. */
struct pyb_asgi *pyb_asgi_new(struct pyb_app *app, struct hx_exchange *x);

/* Borrowed scope dict, and the bound callables as new references. */
PyObject *pyb_asgi_scope(struct pyb_asgi *a);
PyObject *pyb_asgi_receive(struct pyb_asgi *a);
PyObject *pyb_asgi_send(struct pyb_asgi *a);

/* Run callable(scope, receive, send[, extra]) in a task of its own inside
 * `context` (NULL: a fresh copy), with the end-of-application rules of
 * uvicorn's run_asgi. On failure to start the exchange is aborted. Steals the
 * reference to `a`; `extra` and `context` are borrowed. */
void pyb_asgi_start(struct pyb_asgi *a, PyObject *callable, PyObject *extra,
    PyObject *context);

/* The application begins to run in a task of the caller's, who will call
 * pyb_asgi_finish(): app->idle and an observer hear when it is over. */
void pyb_asgi_begin(struct pyb_asgi *a);

/* The application ended: returned `result`, or NULL with an exception set
 * (which is taken, reported and cleared). Sends the 500, or cuts the
 * connection, when the answer is not complete. */
void pyb_asgi_finish(struct pyb_asgi *a, PyObject *result);

/* There is not even memory for an ASGI side: abort the exchange. */
void pyb_asgi_lost(struct pyb_app *app, struct hx_exchange *x);

/* The exchange was answered directly: receive and send are over. */
void pyb_asgi_answered(struct pyb_asgi *a);

/* From pyb_request_content() and pyb_request_writable(). */
void pyb_asgi_content(struct pyb_asgi *a);
void pyb_asgi_writable(struct pyb_asgi *a);

/* Create the type; new reference, NULL with an exception set. */
PyTypeObject *pyb_asgi_type_new(PyObject *module);

#endif
