/*
 * build: route tables made from Python.
 *
 * Adds to the module: build_table(routes, plans, meta, n_objects, limit) -> bytes,
 * write_table(fd, bytes), same_table(fd, bytes), and what bindings/table/read_back.h
 * adds. build.c documents the shapes.
 */
#ifndef BINDINGS_TABLE_BUILD_H
#define BINDINGS_TABLE_BUILD_H

#include <Python.h>

/* 0, or -1 with an exception set. */
int pyb_build_register(PyObject *module);

#endif
