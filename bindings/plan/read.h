/*
 * read: the steps of a plan before any user code.
 *
 * They extract every parameter and the content, and run the validators that call no
 * Python code. They change nothing outside the run, so that the request can still be
 * answered as if they had never run.
 */
#ifndef BINDINGS_PLAN_READ_H
#define BINDINGS_PLAN_READ_H

#include "base/attr.h"
#include "bindings/plan/params.h"
#include "bindings/plan/run.h"

/* Run the pure steps. True: the slots have their values, but for those of the steps whose
 * errors are in r->errors. False: r->replay_reason says why the application itself must
 * answer. No exception is set in either case. */
bool pyb_read_steps(struct pyb_run *r) MUST_CHECK;

/* Do the errors of the pure steps end the request, because FastAPI would report them before
 * it calls any user code? */
bool pyb_read_is_final(const struct pyb_run *r);

/* Add an error of a step: a ValidationError (stolen), or NULL: its value is missing. 0, or
 * -1 with an exception set. */
int pyb_read_error(struct pyb_run *r, const struct shm_step *step, PyObject *exc) MUST_CHECK;

/* Run one pure step, or a VALIDATE step that is IMPURE. *out is a new reference, or NULL;
 * the verdict says what is set. */
enum pyb_param_verdict pyb_read_step(struct pyb_run *r, const struct shm_step *step,
    PyObject **out) MUST_CHECK;

#endif
