/*
 * inner: what runs behind the innermost layer of the user's.
 */
#ifndef BINDINGS_STACK_INNER_H
#define BINDINGS_STACK_INNER_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/stack/within.h"

/* A coroutine that answers one request which a layer passed on. It runs the plan of the
 * request's route, or lets the next application of `w` do it. New reference; NULL with an
 * exception set. */
PyObject *pyb_inner_new(struct pyb_within *w, PyObject *scope, PyObject *receive,
    PyObject *send) MUST_CHECK;

#endif
