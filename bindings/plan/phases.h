/*
 * phases: how a phase of a plan is run, alone or behind a layer.
 *
 * The phases are the steps, the exits of early dependencies, behind a layer the sending of
 * the answer, background tasks, and the exits of late dependencies.
 */
#ifndef BINDINGS_PLAN_PHASES_H
#define BINDINGS_PLAN_PHASES_H

#include "base/attr.h"
#include "bindings/coro.h"
#include "bindings/plan/run.h"

/* Is a phase left to run? Else the run has answered and done what follows, or has left an
 * outcome. */
bool pyb_phases_left(const struct pyb_run *r);

/* Must the phases that are left run in a task, which the run has not got? */
bool pyb_phases_want_task(const struct pyb_run *r);

/* Run the phase that r->phase names, in the manner of pyb_call_steps(). */
enum pyb_coro_verdict pyb_phases_run(struct pyb_run *r, PyObject *value, PyObject **out)
    MUST_CHECK;

/* Run it to its end on this thread. No coroutine of it may suspend. `pooled`: that is a pool
 * thread. False: an exception is set. */
bool pyb_phases_drive(struct pyb_run *r, bool pooled) MUST_CHECK;

#endif
