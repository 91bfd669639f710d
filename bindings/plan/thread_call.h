/*
 * thread_call: the plain functions of a plan that follow each other, in one hop.
 *
 * For plans whose functions run in a task. The first is given to the thread with its
 * arguments; those after it, up to the next step that only the loop's thread can do, find
 * theirs there.
 */
#ifndef BINDINGS_PLAN_THREAD_CALL_H
#define BINDINGS_PLAN_THREAD_CALL_H

#include "base/attr.h"
#include "bindings/plan/hop.h"

/* May the step be one of a hop? */
bool pyb_thread_call_takes(const struct pyb_run *r, const struct shm_step *step);

/* [gil] Begin a hop with the step's function; r->pc is behind it. What the functions inject
 * was made. The awaitable, new reference; NULL with an exception set. */
PyObject *pyb_thread_call(struct pyb_run *r, const struct shm_step *step) MUST_CHECK;

/* [gil] The same with the __enter__() of the manager that the step has made, r->entering. The
 * result of the awaitable is for pyb_exits_entered(), if r->entering is still there. */
PyObject *pyb_thread_call_enter(struct pyb_run *r, const struct shm_step *step,
    PyObject *manager) MUST_CHECK;

/* [gil] Begin a hop with manager.__exit__(*args), and with those of the plain generators that are
 * left after it. */
PyObject *pyb_thread_call_leave(struct pyb_run *r, PyObject *manager, PyObject *args) MUST_CHECK;

#endif
