/*
 * thread_call: one plain function of a plan on a pool thread, awaited.
 *
 * For plans that mix `def` and `async def`. What anyio.to_thread.run_sync does
 * for FastAPI today: a copied context, no running loop, the result or the
 * exception delivered to the awaiting task.
 */
#ifndef BINDINGS_PLAN_THREAD_CALL_H
#define BINDINGS_PLAN_THREAD_CALL_H

#include "bindings/plan/run.h"

/* Submit the step's call; an awaitable for its result. New reference, NULL
 * with an exception set. */
PyObject *pyb_thread_call(struct pyb_run *r, const struct shm_step *step);

#endif
