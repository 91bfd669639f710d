/*
 * read_back: route tables read back into Python.
 *
 * Adds to the module: describe_table(bytes) -> dict, route_conflicts(bytes) ->
 * list, match_table(bytes, method, path) -> tuple or None, plan_constants() ->
 * dict. For the compiler, `fastrd routes`, `fastrd explain` and tests; requests
 * never come here.
 */
#ifndef BINDINGS_TABLE_READ_BACK_H
#define BINDINGS_TABLE_READ_BACK_H

#include <Python.h>

#include "base/attr.h"

/* 0, or -1 with an exception set. */
int pyb_read_back_register(PyObject *module) MUST_CHECK;

#endif
