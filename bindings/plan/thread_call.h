/*
 * thread_call: one plain function of a plan on a pool thread, awaited.
 *
 * For plans that mix `def` and `async def`. The function runs as FastAPI's
 * anyio.to_thread.run_sync() runs it: in a copied context, without a running loop; the
 * awaiting task gets its result or its exception.
 */
#ifndef BINDINGS_PLAN_THREAD_CALL_H
#define BINDINGS_PLAN_THREAD_CALL_H

#include "base/attr.h"
#include "bindings/plan/run.h"

/* [gil] Submit the step's call from the task that will await it. Returns an awaitable of
 * its result: new reference, NULL with an exception set. Never blocks. */
PyObject *pyb_thread_call(struct pyb_run *r, const struct shm_step *step) MUST_CHECK;

/* The same for function(*args, **named). */
PyObject *pyb_thread_call_function(struct pyb_run *r, PyObject *function, PyObject *args,
    PyObject *named) MUST_CHECK;

/* The same for object.name(*args). `exit`: it gives back what the others may wait for, and
 * does not wait for a thread that they have. */
PyObject *pyb_thread_call_method(struct pyb_run *r, PyObject *object, PyObject *name,
    PyObject *args, bool exit) MUST_CHECK;

#endif
