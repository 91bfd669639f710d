/*
 * standin: the current task of user code that has no task of its own yet.
 *
 * A stand-in is a real asyncio.Task (hooks.RequestTask) whose coroutine waits. It is the
 * current task while a coroutine runs that may end without ever being suspended. When user
 * code has kept anything of it (a reference, a weak reference, a cancellation), no two
 * requests may meet through it: it then becomes the task of the request that has kept it, and
 * the next request gets another one. A loop that runs inside user code has stand-ins of its
 * own, and so has what a dispatch layer runs.
 */
#ifndef BINDINGS_LOOP_STANDIN_H
#define BINDINGS_LOOP_STANDIN_H

#include <Python.h>
#include <stdbool.h>

#include "base/attr.h"

struct pyb_loop_local;

struct pyb_standin {
	PyObject *task;			/* NULL until first needed */
	Py_ssize_t refs;		/* its reference count when untouched */
	PyObject *weak;			/* head of its list of weak references, borrowed */
	PyObject *context, *name;	/* of the code for which it is entered, borrowed; or NULL */
	struct pyb_standin *outer;	/* that of the code around; NULL: there is none */
	struct pyb_standin *inner;	/* that of the code inside, owned; NULL until first needed */
};

/* [gil] Make a stand-in the current task: user code is about to run on the loop's thread
 * outside any task, in `context`. `name` is what the task is called, or NULL. Both must stay
 * until it is left. 0, or -1 with an exception set: no memory, or there is a current task. */
int pyb_standin_enter(struct pyb_loop_local *h, PyObject *context, PyObject *name) MUST_CHECK;

/* [gil] End what the last pyb_standin_enter() began. The stand-in, a new reference, when user
 * code has kept anything of it; else NULL. A pending exception stays. */
PyObject *pyb_standin_leave(struct pyb_loop_local *h) MUST_CHECK;

/* [gil] The user code for which the stand-in `task` (stolen; NULL: nothing happens) was
 * current has come to its end: so does the task, with the exception `exc` (borrowed), or with
 * the result None (NULL). A pending exception stays. */
void pyb_standin_end(struct pyb_loop_local *h, PyObject *task, PyObject *exc);

/* [gil] Let the stand-in `task` be that of `coro`, which has made its first step in
 * `context` and is suspended: it has yielded `value`. `name` is the task's, or NULL. No task
 * may be current. 0, or -1 with an exception set. */
int pyb_standin_adopt(struct pyb_loop_local *h, PyObject *task, PyObject *coro,
    PyObject *context, PyObject *name, PyObject *value) MUST_CHECK;

/* [gil] The one whose task `task` is, if its code runs now; else NULL. */
const struct pyb_standin *pyb_standin_of(const struct pyb_loop_local *h, PyObject *task);

int pyb_standin_traverse(struct pyb_standin *s, visitproc visit, void *arg);
void pyb_standin_clear(struct pyb_standin *s);

#endif
