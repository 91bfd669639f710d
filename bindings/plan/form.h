/*
 * form: the form of a plan that is read while it arrives, and the limits of all forms.
 */
#ifndef BINDINGS_PLAN_FORM_H
#define BINDINGS_PLAN_FORM_H

#include "base/attr.h"
#include "bindings/coro.h"
#include "bindings/plan/run.h"

/* Give the source the limits of the plan's forms. 0; -1 without memory (no exception is set). */
int pyb_form_limit(struct pyb_run *r) MUST_CHECK;

/* An awaitable of the form that the run's Request reads, a FormData; new reference, NULL with
 * an exception set. Awaiting it raises what Request.form() would raise inside FastAPI. */
PyObject *pyb_form_read(struct pyb_run *r) MUST_CHECK;

/* Let the plan read `form`, which was awaited; the source is made. 0; -1: it is unusual, or
 * there is no memory (no exception is set). */
int pyb_form_take(struct pyb_run *r, PyObject *form) MUST_CHECK;

/* Of a run that stands alone: await the form and do the steps before user code, in the manner
 * of a coroutine. AWAIT; or RETURN, and the run goes on: with its phase, or with an outcome. */
enum pyb_coro_verdict pyb_form_step(struct pyb_run *r, PyObject *value, PyObject **out)
    MUST_CHECK;

#endif
