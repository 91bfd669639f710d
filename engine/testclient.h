/*
 * testclient: connections in memory, for tests in process.
 */
#ifndef ENGINE_TESTCLIENT_H
#define ENGINE_TESTCLIENT_H

#include <Python.h>

#include "base/attr.h"

/* Adds the type MemoryConnection to the module. 0, or -1 with an exception. */
int engine_testclient_register(PyObject *module) MUST_CHECK;

#endif
