/*
 * pieces: what StreamingResponse.stream_response() sends.
 */
#ifndef BINDINGS_PLAN_PIECES_H
#define BINDINGS_PLAN_PIECES_H

#include <Python.h>

#include "base/attr.h"

/* Add send_pieces() to the module. 0, or -1 with an exception set. */
int pyb_pieces_register(PyObject *module) MUST_CHECK;

#endif
