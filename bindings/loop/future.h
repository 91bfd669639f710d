/*
 * future: futures of asyncio's that the engine resolves.
 *
 * A future without memory to schedule its callback forgets it, and whoever waits for the
 * future waits for ever. Here the callback is scheduled all the same.
 */
#ifndef BINDINGS_LOOP_FUTURE_H
#define BINDINGS_LOOP_FUTURE_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/module_state.h"

/* [gil] Call the future's method of that name, which resolves it, if it is not done.
 * `value`: the argument, NULL: there is none. 1: it was called; 0: the future was done; -1
 * with an exception set. */
int pyb_future_resolve(struct pyb_module_state *st, PyObject *future, PyObject *method,
    PyObject *value) MUST_CHECK;

/* Add resolve() to the module. 0, or -1 with an exception set. */
int pyb_future_register(PyObject *module) MUST_CHECK;

#endif
