/*
 * build: route tables made from Python's lists.
 *
 * Adds to the module: build_table(routes, plans, meta, n_objects, limit) -> bytes,
 * write_table(fd, bytes), same_table(fd, bytes). build.c documents the shapes of
 * the lists.
 */
#ifndef BINDINGS_TABLE_BUILD_H
#define BINDINGS_TABLE_BUILD_H

#include <Python.h>

#include "base/attr.h"

/* 0, or -1 with an exception set. */
int pyb_build_register(PyObject *module) MUST_CHECK;

#endif
