/*
 * plain: where the plain functions of a run are called, and their surroundings there.
 *
 * FastAPI calls each plain function with run_in_threadpool: in a copy of the request's
 * context, and where no event loop runs.
 */
#ifndef BINDINGS_PLAN_PLAIN_H
#define BINDINGS_PLAN_PLAIN_H

#include "base/attr.h"
#include "bindings/plan/run.h"

/* Does the loop's thread run the plan's functions, which are all plain? So says --sync. */
bool pyb_plain_inline(const struct pyb_run *r);

/* Are plain functions called on the thread that runs the plan? */
bool pyb_plain_here(const struct pyb_run *r);

/* What --sync auto knows of the plan; NULL: it is not asked. */
struct pyb_sync_stat *pyb_plain_stat(const struct pyb_run *r);

/* Enter a copy of the request's context, and hide the loop if this is its thread. Only where
 * pyb_plain_here(). The copy, new reference, for pyb_plain_leave(); NULL with an exception
 * set. */
PyObject *pyb_plain_enter(struct pyb_run *r) MUST_CHECK;

/* End what pyb_plain_enter() began. A pending exception stays. */
void pyb_plain_leave(struct pyb_run *r, PyObject *context);

/* A plain generator has raised what is pending. FastAPI has an asynchronous one around it, which
 * makes a RuntimeError of StopAsyncIteration. */
void pyb_plain_raised(void);

#endif
