/*
 * answer: what is answered behind layers without a plan.
 */
#ifndef BINDINGS_STACK_ANSWER_H
#define BINDINGS_STACK_ANSWER_H

#include "base/attr.h"
#include "bindings/stack/internal.h"

/* c->messages or c->stream is the answer, and the scope is entered: c->outermost is the exit
 * stack that the original answers inside of, or NULL. A step of the coroutine. */
enum pyb_coro_verdict pyb_answer_begin(struct pyb_inner *c, PyObject **out) MUST_CHECK;

/* Its further steps, in phase ANSWER. */
enum pyb_coro_verdict pyb_answer_run(struct pyb_inner *c, PyObject *value, PyObject **out)
    MUST_CHECK;

/* The answer could not be made: the exception that is set is raised in its place. */
enum pyb_coro_verdict pyb_answer_fail(struct pyb_inner *c, PyObject **out) MUST_CHECK;

#endif
