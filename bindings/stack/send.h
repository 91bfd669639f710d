/*
 * send: one message of what a dispatch layer wraps.
 */
#ifndef BINDINGS_STACK_SEND_H
#define BINDINGS_STACK_SEND_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/stack/passage.h"

/* A coroutine that hands `message` on. New reference; NULL with an exception set. */
PyObject *pyb_send_new(struct pyb_passage *p, PyObject *message) MUST_CHECK;

/* Does the application wait after `message` for the answer to have gone out? 1 or 0; -1
 * with an exception set. */
int pyb_send_is_last(struct pyb_module_state *st, PyObject *message) MUST_CHECK;

#endif
