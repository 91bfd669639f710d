/*
 * late_task: a task that is made only when its coroutine is suspended.
 *
 * What a coroutine costs without a task is a fraction of what asyncio.Task costs. Until the
 * coroutine is suspended a stand-in is the current task, see standin.h. A coroutine whose
 * user code keeps its current task is dearer that way: it gets a task at once the next times.
 */
#ifndef BINDINGS_LOOP_LATE_TASK_H
#define BINDINGS_LOOP_LATE_TASK_H

#include <Python.h>
#include <stdint.h>

#include "base/attr.h"
#include "bindings/loop/local.h"

/* What is known of the coroutines of one kind, zeroed at first. */
struct pyb_late {
	uint8_t at_once;	/* how many more of them get their task at once */
};

/* [gil] Run the first step of `coro` (of coro.h) in `context`, which must be its own and not
 * entered. To be called on the loop's thread while the loop runs and no task is current.
 * `name` is the task's, or NULL. New reference: the task; None, when the coroutine has ended
 * without one. NULL with an exception set. */
PyObject *pyb_late_task(struct pyb_loop_local *h, struct pyb_late *late, PyObject *coro,
    PyObject *context, PyObject *name) MUST_CHECK;

#endif
