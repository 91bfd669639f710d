/*
 * after: what a plan still does when the client has its answer.
 *
 * The exits of its dependencies. They count as a run of the application, which a worker
 * waits for before it ends. The exchange does not wait for them: the connection goes on
 * with its next request.
 */
#ifndef BINDINGS_PLAN_AFTER_H
#define BINDINGS_PLAN_AFTER_H

#include "base/attr.h"
#include "bindings/plan/run.h"

/* The answer was given, and something follows: give the exchange back. It may begin its
 * next request before this returns. The run's memory must be its own. */
void pyb_after_begin(struct pyb_run *r);

/* The run's task, in which what follows waits, must not be collected. */
void pyb_after_task(struct pyb_run *r, PyObject *task);

/* All has been done, or dropped. */
void pyb_after_end(struct pyb_run *r);

#endif
