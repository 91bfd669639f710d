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

/* The Response that r->result becomes, for FastAPI's own request_response or the
 * application's stack to send. New reference; NULL with an exception set. */
PyObject *pyb_result_response(struct pyb_run *r) MUST_CHECK;

#endif
