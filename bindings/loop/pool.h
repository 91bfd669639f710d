/*
 * pool: the pool that runs plain `def` functions.
 *
 * What FastAPI promises for them is kept: another thread, a copied context, no
 * running loop, anyio.from_thread works, a blocking call never stops the loop.
 * What makes it cheap: one thread takes many jobs per hold of the interpreter,
 * a further one is woken only when the first is stuck in a job while others
 * wait, and completions come back in batches through one wake-up.
 */
#ifndef BINDINGS_LOOP_POOL_H
#define BINDINGS_LOOP_POOL_H

#include <Python.h>

#include "base/list.h"
#include "bindings/module_state.h"
#include "io/turn.h"

struct pyb_pool;

/* Embedded by the one who submits, zero-initialised before first use; must stay until
 * `done` has run. */
struct pyb_job {
	struct list_node node;
	/* [gil] On a pool thread, outside any loop. Leaves no exception. */
	void (*work)(struct pyb_job *job);
	/* [gil] On the loop's thread, from the FIFO. */
	void (*done)(struct pyb_job *job);
	struct io_job io;
};

/* A pool of as many threads at most as anyio's default limiter of the loop says (40
 * unless the application changed it) whenever one more is wanted. NULL with an
 * exception set. */
struct pyb_pool *pyb_pool_new(struct pyb_module_state *st, PyObject *loop, struct io_turn *turn);

/* [gil] Let threads end after their job in hand; does not wait for them. Jobs
 * not begun are dropped: the loop they belong to is gone. */
void pyb_pool_free(struct pyb_pool *pool);

/* [gil] Loop's thread. Never blocks. */
void pyb_pool_submit(struct pyb_pool *pool, struct pyb_job *job);

/* The type whose instances pool threads hold; new reference. */
PyTypeObject *pyb_pool_type_new(PyObject *module);

#endif
