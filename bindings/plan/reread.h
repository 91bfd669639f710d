/*
 * reread: parameters that user code may have changed before they were due.
 *
 * A plan reads all parameters before any user code runs. FastAPI reads those of
 * a function after its dependencies have run, and a dependency that takes the
 * Request can change what they are read from. Where that can happen the plan
 * has a REREAD step: it looks whether the request is still what was read, and
 * lets FastAPI read the function's parameters again when it is not.
 */
#ifndef BINDINGS_PLAN_REREAD_H
#define BINDINGS_PLAN_REREAD_H

#include "bindings/plan/run.h"

/* Let the Request make what FastAPI would have it make, and remember it, before
 * user code runs. 0; -1 with an exception set. */
int pyb_reread_remember(struct pyb_run *r, PyObject *scope);

/* Run one REREAD step. 0; -1 with an exception set. */
int pyb_reread_step(struct pyb_run *r, const struct shm_step *step);

#endif
