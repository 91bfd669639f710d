/*
 * receive: the ASGI `receive` of what a dispatch layer wraps.
 */
#ifndef BINDINGS_STACK_RECEIVE_H
#define BINDINGS_STACK_RECEIVE_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/stack/passage.h"

/* The function; new reference, NULL with an exception set. */
PyObject *pyb_receive_function(struct pyb_passage *p) MUST_CHECK;

/* Whose receive() it is, borrowed; NULL: it is another function. */
struct pyb_passage *pyb_receive_passage(PyObject *function);

#endif
