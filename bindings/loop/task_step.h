/*
 * task_step: a task that was not given its step gets it later.
 *
 * A task of asyncio's that has no memory to take a step, or to wait for what its coroutine
 * has asked for, raises MemoryError to the loop and is never called again: whoever waits
 * for it waits for ever. This loop calls it again in its next turn.
 */
#ifndef BINDINGS_LOOP_TASK_STEP_H
#define BINDINGS_LOOP_TASK_STEP_H

#include <Python.h>
#include <stdbool.h>

#include "base/attr.h"
#include "bindings/module_state.h"

/* [gil] `callback` has raised, and the exception is pending. Is it a step of a task that had
 * no memory for it and has not ended? Then the exception is cleared, and the caller has to
 * call `callback` again in another turn. */
bool pyb_task_step_is_due(struct pyb_module_state *st, PyObject *callback) MUST_CHECK;

#endif
