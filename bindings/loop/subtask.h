/*
 * subtask: a task that begins in the middle of another one's step.
 */
#ifndef BINDINGS_LOOP_SUBTASK_H
#define BINDINGS_LOOP_SUBTASK_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/module_state.h"

/* A new asyncio.Task on a loop of fastrapi's whose first step has run, in the middle of the
 * current task's. New reference; NULL with an exception set. */
PyObject *pyb_subtask_begin(struct pyb_module_state *st, PyObject *loop, PyObject *coro,
    PyObject *context, PyObject *name) MUST_CHECK;

/* Add begin_task() to the module. 0, or -1 with an exception set. */
int pyb_subtask_register(PyObject *module) MUST_CHECK;

#endif
