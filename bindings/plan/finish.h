/*
 * finish: how a direct run ends.
 *
 * The endpoint's result becomes the answer at once, or, when Python must finish
 * the request (an exception, a streaming response, background tasks), its
 * outcome is handed to the application's own stack through the binding's
 * `resume`, where it surfaces exactly where FastAPI would have had it.
 */
#ifndef BINDINGS_PLAN_FINISH_H
#define BINDINGS_PLAN_FINISH_H

#include "bindings/plan/run.h"

/* The steps are over: `returned` tells whether r->result holds the result or
 * an exception is set. Answers, or leaves the outcome in r->outcome. No
 * exception is set afterwards. */
void pyb_finish_answer(struct pyb_run *r, bool returned);

/* resume(scope, receive, send, outcome): the coroutine that ends the request
 * inside the application's stack. Takes r->outcome. New reference; NULL with
 * an exception set. */
PyObject *pyb_finish_resume(struct pyb_run *r);

/* The same in a task of its own (the run has none). */
void pyb_finish_resume_start(struct pyb_run *r);

/* What a resume in the run's own task returned (NULL: an exception is set). */
void pyb_finish_resumed(struct pyb_run *r, PyObject *value);

#endif
