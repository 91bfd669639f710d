/*
 * subtask: a task that begins in the middle of another one's step.
 */
#ifndef BINDINGS_LOOP_SUBTASK_H
#define BINDINGS_LOOP_SUBTASK_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/loop/late_task.h"
#include "bindings/module_state.h"

/* As pyb_late_task(), on a loop of fastrapi's and in the middle of the current task's step.
 * `late` may be NULL: the task is made at once, and `coro` may be any coroutine. */
PyObject *pyb_subtask_begin(struct pyb_module_state *st, PyObject *loop, struct pyb_late *late,
    PyObject *coro, PyObject *context, PyObject *name) MUST_CHECK;

/* Add begin_task() to the module. 0, or -1 with an exception set. */
int pyb_subtask_register(PyObject *module) MUST_CHECK;

#endif
