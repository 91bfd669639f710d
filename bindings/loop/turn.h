/*
 * turn: something to await that takes one turn of the loop.
 */
#ifndef BINDINGS_LOOP_TURN_H
#define BINDINGS_LOOP_TURN_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/module_state.h"

/* The same as asyncio.sleep(0). New reference; NULL with an exception set. */
PyObject *pyb_turn_new(struct pyb_module_state *st) MUST_CHECK;

/* Create the type; new reference, NULL with an exception set. */
PyTypeObject *pyb_turn_type_new(PyObject *module) MUST_CHECK;

#endif
