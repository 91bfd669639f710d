/*
 * application: one run of what a dispatch layer wraps, in a task of its own.
 */
#ifndef BINDINGS_STACK_APPLICATION_H
#define BINDINGS_STACK_APPLICATION_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/stack/passage.h"

/* Begin the application of `p`; its first step has run when this returns. p->inbox is the
 * message that it has sent until then, or NULL. Returns the Sink that it sends to, new
 * reference; NULL with an exception set. */
PyObject *pyb_application_begin(struct pyb_passage *p) MUST_CHECK;

#endif
