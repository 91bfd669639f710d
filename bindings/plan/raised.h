/*
 * raised: an exception that FastAPI's own handler answers.
 *
 * An HTTPException of a dependency, the endpoint or a validator, and a
 * RequestValidationError, become answers without the application's layers, when the handler
 * that Starlette would find is the one that FastAPI puts there.
 */
#ifndef BINDINGS_PLAN_RAISED_H
#define BINDINGS_PLAN_RAISED_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/plan/run.h"

/* Answer the run's exchange as FastAPI's handler of `exc` does. True: it has its complete
 * answer. False: nothing was sent; the application's stack must handle the exception.
 * Leaves no exception. */
bool pyb_raised_answer(struct pyb_run *r, PyObject *exc) MUST_CHECK;

/* Answer the run's exchange with r->errors, before any user code has run, as FastAPI's
 * handler of a RequestValidationError does; pyb_answers_invalid() has said that it is the
 * one. False: nothing was sent. Leaves no exception. */
bool pyb_raised_errors(struct pyb_run *r) MUST_CHECK;

#endif
