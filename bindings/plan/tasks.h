/*
 * tasks: the background tasks of a plan, alone or behind a layer.
 *
 * Starlette's own BackgroundTasks and BackgroundTask are taken off the answer, and run when
 * it was given: before late dependencies are left, as in FastAPI. Objects of other classes
 * stay with the Response, which Python then sends.
 */
#ifndef BINDINGS_PLAN_TASKS_H
#define BINDINGS_PLAN_TASKS_H

#include "base/attr.h"
#include "bindings/coro.h"
#include "bindings/plan/run.h"

/* Move the injected tasks of a result that is no Response to r->tasks, if they can be run
 * here: the answer is made without them. pyb_tasks_back() undoes it. */
void pyb_tasks_take(struct pyb_run *r);
void pyb_tasks_back(struct pyb_run *r);

/* Answer with `response`, as pyb_give_response() does; its tasks, if they
 * can be run here, are in r->tasks then. */
bool pyb_tasks_send(struct pyb_run *r, PyObject *response) MUST_CHECK;

/* Give a Response that was made without r->tasks its tasks back. 0, or -1 with an exception
 * set. */
int pyb_tasks_return(struct pyb_run *r, PyObject *response) MUST_CHECK;

/* Run r->tasks in the run's task, in the manner of pyb_call_steps(). */
enum pyb_coro_verdict pyb_tasks_run(struct pyb_run *r, PyObject *value, PyObject **out)
    MUST_CHECK;

#endif
