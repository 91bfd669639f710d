/*
 * arguments: what ps(1) shows of this process.
 */
#ifndef ENGINE_ARGUMENTS_H
#define ENGINE_ARGUMENTS_H

#include <Python.h>

#include "base/attr.h"

/* Add the function show_arguments() to the module. 0, or -1 with an exception set. */
int engine_arguments_register(PyObject *module) MUST_CHECK;

#endif
