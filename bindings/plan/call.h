/*
 * call: the steps of a plan that call user code.
 */
#ifndef BINDINGS_PLAN_CALL_H
#define BINDINGS_PLAN_CALL_H

#include "bindings/coro.h"
#include "bindings/plan/run.h"

/* The remaining steps, in the manner of a coroutine's step function: user code
 * runs from here on. RETURN: the endpoint's result is in r->result (*out is
 * NULL); AWAIT: call again with what *out gives; ERROR: it raised. In modes
 * INLINE and THREAD only coroutines that cannot suspend are awaited. */
enum pyb_coro_verdict pyb_call_steps(struct pyb_run *r, PyObject *value, PyObject **out);

/* Validators that are user code and stand before the first call: what a plan for
 * a pool thread does on the loop first. False: an exception is set. */
bool pyb_call_validators(struct pyb_run *r);

#endif
