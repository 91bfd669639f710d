/*
 * serve: a worker's HTTP side, driven from Python.
 */
#ifndef ENGINE_SERVE_H
#define ENGINE_SERVE_H

#include <Python.h>

#include "base/attr.h"

/* Adds the type Worker to the module. 0, or -1 with an exception set. */
int engine_serve_register(PyObject *module) MUST_CHECK;

#endif
