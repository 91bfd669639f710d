/*
 * call: the steps of a plan that call user code.
 */
#ifndef BINDINGS_PLAN_CALL_H
#define BINDINGS_PLAN_CALL_H

#include "base/attr.h"
#include "bindings/coro.h"
#include "bindings/plan/run.h"

/* Run the remaining steps, in the manner of a coroutine's step function: the first call
 * has `value` None, each later one the result of the awaited object, or NULL with an
 * exception set. RETURN: r->result holds the endpoint's result, *out is NULL. AWAIT:
 * call again with the result of awaiting *out (new reference). ERROR: an exception is
 * set. In modes INLINE and THREAD every *out is a coroutine that cannot suspend. */
enum pyb_coro_verdict pyb_call_steps(struct pyb_run *r, PyObject *value, PyObject **out)
    MUST_CHECK;

/* Run the validators written in Python that stand before the first call. FastAPI runs
 * them on the loop's thread even when the functions run on a pool thread. False: an
 * exception is set. */
bool pyb_call_validators(struct pyb_run *r) MUST_CHECK;

#endif
