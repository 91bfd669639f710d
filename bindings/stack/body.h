/*
 * body: the content of a request behind layers, all of it.
 */
#ifndef BINDINGS_STACK_BODY_H
#define BINDINGS_STACK_BODY_H

#include "base/attr.h"
#include "bindings/stack/internal.h"

/* Read it, in the manner of a coroutine's step function: the first call has `value` None.
 * RETURN: *out is what Request.body() would return. ERROR: the exception that it would raise is
 * set. */
enum pyb_coro_verdict pyb_body_read(struct pyb_inner *c, PyObject *value, PyObject **out)
    MUST_CHECK;

#endif
