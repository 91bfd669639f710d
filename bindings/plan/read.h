/*
 * read: the steps of a plan before any user code.
 *
 * They extract every parameter and the content, and validate what pydantic-core
 * validates alone. They may be run and thrown away.
 */
#ifndef BINDINGS_PLAN_READ_H
#define BINDINGS_PLAN_READ_H

#include "bindings/plan/params.h"
#include "bindings/plan/run.h"

/* The pure steps. True: values are in the slots. False: nothing of the user's
 * has run and r->replay_reason says why; no exception is set. */
bool pyb_read_steps(struct pyb_run *r);

/* One pure step, or an IMPURE one in its place. */
enum pyb_param_verdict pyb_read_step(struct pyb_run *r, const struct shm_step *step,
    PyObject **out);

#endif
