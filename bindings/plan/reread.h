/*
 * reread: parameters that user code may have changed before they were due.
 *
 * A plan reads all parameters before any user code runs. FastAPI reads the parameters of
 * a function after the function's dependencies have run, and a dependency that takes the
 * Request can change what they are read from. Where that can happen the plan has a
 * REREAD step. The step compares the request with what was read; when they differ it
 * lets FastAPI read the function's parameters again.
 */
#ifndef BINDINGS_PLAN_REREAD_H
#define BINDINGS_PLAN_REREAD_H

#include "base/attr.h"
#include "bindings/plan/run.h"

/* Before user code runs: let r->request make its headers, query and cookies, as FastAPI
 * does, and remember them. `scope` is the Request's. 0, or -1 with an exception set. */
int pyb_reread_remember(struct pyb_run *r, PyObject *scope) MUST_CHECK;

/* Run one REREAD step. May call FastAPI, and with it user code. 0, or -1 with an
 * exception set. */
int pyb_reread_step(struct pyb_run *r, const struct shm_step *step) MUST_CHECK;

#endif
