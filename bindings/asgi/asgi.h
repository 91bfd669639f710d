/*
 * asgi: a request given to an ASGI 3 application.
 *
 * One Python object per request holds scope, receive and send. It detaches from the
 * exchange as soon as the answer is complete, and the connection goes on with its next
 * request. An application that runs on (background tasks), or keeps `receive` and `send`
 * for ever, then sees a client that has disconnected.
 */
#ifndef BINDINGS_ASGI_ASGI_H
#define BINDINGS_ASGI_ASGI_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/app.h"
#include "bindings/loop/late_task.h"
#include "files/reply.h"
#include "http/exchange.h"

struct pyb_asgi;
struct pyb_observer;

/* Make the ASGI side of `x`, which has none; it becomes x->upper.asgi. New reference
 * beside the one that the exchange holds until it is detached; NULL with an exception
 * set. */
struct pyb_asgi *pyb_asgi_new(struct pyb_app *app, struct hx_exchange *x) MUST_CHECK;

/* The same for an exchange that has its answer and was given back: `kept` is what
 * hx_exchange_keep() has left of it. */
struct pyb_asgi *pyb_asgi_new_answered(struct pyb_app *app, struct hx_exchange *kept)
    MUST_CHECK;

/* The scope dict, borrowed. */
PyObject *pyb_asgi_scope(struct pyb_asgi *a);

/* The callables, new references. NULL with an exception set. */
PyObject *pyb_asgi_receive(struct pyb_asgi *a) MUST_CHECK;
PyObject *pyb_asgi_send(struct pyb_asgi *a) MUST_CHECK;

/* Run callable(scope, receive, send[, extra]) on the loop of `local` and inside `context` (NULL:
 * a copy of the current one), in a task of its own, as late_task.h says. When the application
 * ends, the rules of uvicorn's run_asgi apply. The first step runs before this returns. When the
 * task cannot be made, the exchange is aborted. Steals the reference to `a`; `extra` (may be
 * NULL) and `context` are borrowed. Leaves no exception. */
void pyb_asgi_start(struct pyb_asgi *a, struct pyb_loop_local *local, struct pyb_late *late,
    PyObject *callable, PyObject *extra, PyObject *context);

/* The caller is about to run the application in a task of its own. It must call
 * pyb_asgi_finish() when the application has ended. */
void pyb_asgi_begin(struct pyb_asgi *a);

/* The application has ended: it returned `result` (borrowed), or raised (NULL; the
 * exception is reported and cleared). When the answer is not complete, sends the 500 or
 * cuts the connection. Detaches. */
void pyb_asgi_finish(struct pyb_asgi *a, PyObject *result);

/* message[key], new reference. NULL without an exception when the key is absent, else with one set. May
 * run user code. */
PyObject *pyb_asgi_get(PyObject *message, PyObject *key) MUST_CHECK;

/* Call an application: callable(scope, receive, send[, extra]). All but `scope` are stolen; a NULL for
 * receive or send says that an exception is set. The awaitable; NULL with an exception set. */
PyObject *pyb_asgi_call(PyObject *callable, PyObject *scope, PyObject *receive, PyObject *send,
    PyObject *extra) MUST_CHECK;

/* The task in which the application runs, borrowed; NULL: there is none, or not here. */
PyObject *pyb_asgi_task(const struct pyb_asgi *a);

/* Has user code begun an answer, through the `send` of this object? */
bool pyb_asgi_has_begun(const struct pyb_asgi *a);

/* Has user code sent the whole answer, through the `send` of this object? */
bool pyb_asgi_is_answered(const struct pyb_asgi *a);

/* Does what send() does with {"type": "http.response.body", "body": piece, "more_body": not
 * last}. 1: it is sent, or nobody is there; 0: await *out, then call again with the same piece;
 * -1 with an exception set. */
int pyb_asgi_send_piece(struct pyb_asgi *a, PyObject *piece, bool last, PyObject **out)
    MUST_CHECK;

/* Give the server the content of a file, whose head has gone through send(); the end of the answer
 * is to follow. False: nothing was done, for the head has announced something else. The reply is
 * not dropped. */
bool pyb_asgi_give_file(struct pyb_asgi *a, const struct files_reply *r) MUST_CHECK;

/* Has all gone to the client that was sent? 1: it has, or the client is gone; 0: await *out, then
 * call again; -1 with RuntimeError set: a file has become shorter while it was sent. */
int pyb_asgi_drain(struct pyb_asgi *a, PyObject **out) MUST_CHECK;

/* What has gone through `send` was held by a native layer, and that is gone: nothing was sent. */
void pyb_asgi_take_back(struct pyb_asgi *a);

/* Whose receive or send it is, borrowed; NULL: a layer's own. */
struct pyb_asgi *pyb_asgi_of(struct pyb_module_state *st, PyObject *callable);

/* Would receive() give the whole content of the request at once, in one message? */
bool pyb_asgi_has_content(const struct pyb_asgi *a);

/* All of the request's content was read in another way: receive() waits for
 * http.disconnect. */
void pyb_asgi_was_read(struct pyb_asgi *a);

/* Would receive() then wait, for http.disconnect? */
bool pyb_asgi_has_client(const struct pyb_asgi *a);

/* Has http.response.start gone through `send`, or would it have but for a client that is
 * gone? False for a `send` that pyb_asgi_send() has not made. */
bool pyb_asgi_is_started(struct pyb_module_state *st, PyObject *send);

/* User code has raised `exc` after the whole answer of `x` was sent: report it, as
 * uvicorn does. Leaves no exception. */
void pyb_asgi_late(struct pyb_app *app, struct hx_exchange *x, PyObject *exc);

#define PYB_ASGI_RAISED "Exception in ASGI application"

/* Report an exception (may be NULL) that has reached the server: to the test client, or
 * else to the log, with the request's id. `x` NULL: it was given back, and `seen` (may be NULL) and
 * `scope` are what is known of it. `left`: the client has gone before its answer was complete. */
void pyb_asgi_report(struct pyb_app *app, const struct hx_exchange *x, struct pyb_observer *seen,
    PyObject *scope, const char *message, PyObject *exc, bool left);

/* pyb_asgi_new() has failed: report the exception that is set, clear it and abort the
 * exchange. */
void pyb_asgi_lost(struct pyb_app *app, struct hx_exchange *x);

/* The plan itself has answered the exchange. Detaches, unless an application still runs
 * for it. */
void pyb_asgi_answered(struct pyb_asgi *a);

/* See pyb_request_content() and pyb_request_writable(). */
void pyb_asgi_content(struct pyb_asgi *a);
void pyb_asgi_writable(struct pyb_asgi *a);

/* Create the type; new reference, NULL with an exception set. */
PyTypeObject *pyb_asgi_type_new(PyObject *module) MUST_CHECK;

#endif
