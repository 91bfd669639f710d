/*
 * pool: the pool of threads that run plain `def` functions.
 *
 * It keeps what FastAPI promises for such functions: another thread, a copied context, no
 * running loop, anyio.from_thread works, and a blocking call never stops the loop. It is
 * cheap for three reasons. One thread runs many jobs each time it holds the interpreter;
 * another thread is woken only when the first is stuck in a job while others wait; and
 * finished jobs come back to the loop in batches, with one wake-up. docs/ARCHITECTURE.md,
 * "Plain functions", says which functions come here.
 */
#ifndef BINDINGS_LOOP_POOL_H
#define BINDINGS_LOOP_POOL_H

#include <Python.h>

#include "base/attr.h"
#include "base/list.h"
#include "bindings/module_state.h"
#include "io/turn.h"

struct pyb_pool;

/* A part of the submitter's struct, zeroed before first use. It must stay until `done` or
 * `dropped` has been called. */
struct pyb_job {
	struct list_node node;
	/* [gil] Called on a pool thread, outside any loop. Must leave no exception. */
	void (*work)(struct pyb_job *job);
	/* [gil] Called on the loop's thread, from the FIFO, after `work`. */
	void (*done)(struct pyb_job *job);
	/* [gil] Called in their place when the loop is closed before a thread has begun; NULL: the
	 * submitter wants nothing. */
	void (*dropped)(struct pyb_job *job);
	/* It gives back what jobs on every thread may wait for: it goes before the others, and
	 * may have a thread beyond the limit. */
	bool beyond;
	struct io_job io;
};

/* [gil] A pool without threads; `loop` and `turn` are borrowed. Threads start when jobs
 * need them, up to the number of tokens that anyio's default limiter of the loop has then
 * (40 unless the application changed it). NULL with an exception set. */
struct pyb_pool *pyb_pool_new(struct pyb_module_state *st, PyObject *loop, struct io_turn *turn)
    MUST_CHECK;

/* [gil] The loop is being closed: let each thread end after its present job, and do not
 * wait for it. Jobs that have not begun are dropped. No `done` is called any more. */
void pyb_pool_free(struct pyb_pool *pool);

/* [gil] Queue a job, on the loop's thread. Never blocks. */
void pyb_pool_submit(struct pyb_pool *pool, struct pyb_job *job);

/* Create the type, whose instance each pool thread holds. New reference; NULL with an
 * exception set. */
PyTypeObject *pyb_pool_type_new(PyObject *module) MUST_CHECK;

#endif
