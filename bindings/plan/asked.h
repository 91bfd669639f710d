/*
 * asked: what the room files is told of a request behind layers of the user's.
 */
#ifndef BINDINGS_PLAN_ASKED_H
#define BINDINGS_PLAN_ASKED_H

#include <Python.h>
#include <stdbool.h>

#include "base/attr.h"
#include "bindings/module_state.h"
#include "files/asked.h"

/* Fill *q, which points into the scope; memory comes from `arena`. False: the scope is not as the
 * server makes it, and FileResponse might do otherwise. Leaves no exception. */
bool pyb_asked_read(struct pyb_module_state *st, PyObject *scope, struct arena *arena,
    struct files_asked *q) MUST_CHECK;

#endif
