/*
 * plain: the surroundings of a plain function on the thread that runs a plan.
 *
 * FastAPI calls each plain function with run_in_threadpool: in a copy of the request's
 * context, and where no event loop runs.
 */
#ifndef BINDINGS_PLAN_PLAIN_H
#define BINDINGS_PLAN_PLAIN_H

#include "base/attr.h"
#include "bindings/plan/run.h"

/* Enter a copy of the run's context, and hide the loop if this is its thread. Modes INLINE
 * and THREAD. The copy, new reference, for pyb_plain_leave(); NULL with an exception set. */
PyObject *pyb_plain_enter(struct pyb_run *r) MUST_CHECK;

/* End what pyb_plain_enter() began. A pending exception stays. */
void pyb_plain_leave(struct pyb_run *r, PyObject *context);

#endif
