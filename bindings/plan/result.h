/*
 * result: what an endpoint returned becomes the answer.
 *
 * The three ways of shm/plan.h: validate and serialise with pydantic-core, encode
 * plain data in C, or let the route's helper build a Response. A Response whose class
 * sends itself the way Starlette's base class does is answered directly; every other
 * one must be awaited by the caller.
 */
#ifndef BINDINGS_PLAN_RESULT_H
#define BINDINGS_PLAN_RESULT_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/plan/run.h"

enum pyb_result_verdict {
	PYB_RESULT_SENT,	/* the exchange has its complete answer */
	PYB_RESULT_RESPONSE,	/* nothing was sent: await *response(scope, receive, send) */
	PYB_RESULT_ERROR	/* nothing was sent; an exception is set */
};

/* Answer the run's exchange with r->result. *response is a new reference with
 * PYB_RESULT_RESPONSE, else NULL. */
enum pyb_result_verdict pyb_result_answer(struct pyb_run *r, PyObject **response) MUST_CHECK;

/* r->result as JSON, with the status of its answer. */
struct pyb_result_json {
	int status;
	PyObject *bytes;	/* borrowed from the run; NULL: see text */
	struct slice text;	/* valid until the next JSON is made; see pyb_json_trim() */
};

/* Make JSON of r->result, without a Response object. SENT: *out is filled, and nothing was
 * sent. RESPONSE: a Response must be made, out->bytes is NULL. */
enum pyb_result_verdict pyb_result_json(struct pyb_run *r, struct pyb_result_json *out)
    MUST_CHECK;

/* Does sending this Response mean only a start and a body? Its class has Starlette's
 * Response.__call__, and it has no background tasks. Leaves no exception. */
bool pyb_result_is_plain(struct pyb_module_state *st, PyObject *response) MUST_CHECK;
/* Has this Response nothing to do in the background? Leaves no exception. */
bool pyb_result_background_empty(struct pyb_module_state *st, PyObject *response) MUST_CHECK;

/* Answer x with `response`, if sending it means only a start and a body: its class has
 * Starlette's Response.__call__, and it has no background. False: nothing was sent. Leaves
 * no exception. */
bool pyb_result_send(struct pyb_app *app, PyObject *response, struct hx_exchange *x) MUST_CHECK;

/* Answer x with `content` as JSONResponse writes it, and no other fields. False: nothing was
 * sent; it is not for the encoder of bindings/json.h. Leaves no exception. */
bool pyb_result_send_json(struct pyb_app *app, PyObject *content, int status,
    struct hx_exchange *x) MUST_CHECK;

/* The Response that r->result becomes, for FastAPI's own request_response or the
 * application's stack to send. New reference; NULL with an exception set. */
PyObject *pyb_result_response(struct pyb_run *r) MUST_CHECK;

#endif
