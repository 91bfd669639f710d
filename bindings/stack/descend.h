/*
 * descend: from one application's layers to those of an application that it mounts.
 */
#ifndef BINDINGS_STACK_DESCEND_H
#define BINDINGS_STACK_DESCEND_H

#include "base/attr.h"
#include "bindings/stack/find.h"
#include "bindings/stack/internal.h"

/* A step of the coroutine: enter the layers of the mounted application that was found. */
enum pyb_coro_verdict pyb_descend_begin(struct pyb_inner *c, const struct pyb_found *found,
    PyObject **out) MUST_CHECK;

/* The next step: they have returned; `value` NULL: they have raised. */
enum pyb_coro_verdict pyb_descend_end(struct pyb_inner *c, PyObject *value, PyObject **out)
    MUST_CHECK;

#endif
