/*
 * orphan: a worker whose master was killed.
 */
#ifndef ENGINE_ORPHAN_H
#define ENGINE_ORPHAN_H

#include <Python.h>

#include "base/attr.h"

/* Add `expect_orphanhood` to the module. 0, or -1 with an exception set. */
int engine_orphan_register(PyObject *module) MUST_CHECK;

#endif
