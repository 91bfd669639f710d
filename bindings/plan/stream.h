/*
 * stream: an answer that goes out piece by piece.
 *
 * Starlette's own methods stream it (python/fastrapi/compile/streams.py), in phase SEND and in
 * the run's task, without the layers that FastAPI puts around them. Alone the exchange stays
 * with the run until all of the answer is sent.
 */
#ifndef BINDINGS_PLAN_STREAM_H
#define BINDINGS_PLAN_STREAM_H

#include "base/attr.h"
#include "bindings/coro.h"
#include "bindings/plan/run.h"

/* The answer is `response`, if Starlette's own methods stream it: r->streams is set then. False:
 * nothing was given. Leaves no exception. Runs no user code. */
bool pyb_stream_give(struct pyb_run *r, PyObject *response) MUST_CHECK;

/* Send it, in the manner of pyb_call_steps(). */
enum pyb_coro_verdict pyb_stream_send(struct pyb_run *r, PyObject *value, PyObject **out)
    MUST_CHECK;

/* Has anything of the answer gone out? Else a native layer has held all that was sent. */
bool pyb_stream_has_begun(const struct pyb_run *r);

/* It is sent, and something follows: give the exchange back, if all of the answer went out and
 * the run can do without. */
void pyb_stream_sent(struct pyb_run *r);

#endif
