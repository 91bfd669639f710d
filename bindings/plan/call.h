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

/* What follows is for hops (thread_call.h). */

/* Does the step make an object that is injected? Before a hop all that it needs are made. */
bool pyb_call_injects(const struct shm_step *step);

/* Is an argument of the step missing, because its validation failed? Like solve_dependencies,
 * the plan then does not call the function. */
bool pyb_call_lacks(const struct pyb_run *r, const struct shm_step *step);

/* Call the step's function on this thread. The run is not used any more when the function
 * has begun. New reference; NULL with an exception set. */
PyObject *pyb_call_function(struct pyb_run *r, const struct shm_step *step) MUST_CHECK;

/* Store the step's value (stolen; NULL leaves the slot empty). */
void pyb_call_keep(struct pyb_run *r, const struct shm_step *step, PyObject *value);

#endif
