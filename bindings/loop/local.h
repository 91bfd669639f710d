/*
 * local: what the bindings keep for one event loop.
 *
 * The loop's turn, its thread pool and the stand-in task: a real asyncio.Task,
 * parked for ever, that is "the current task" while a coroutine runs which
 * cannot suspend and therefore needs no task of its own. When user code kept
 * anything of the stand-in (a reference, a weak reference, a cancellation) it
 * is left to that code and the next request gets a new one, so that no two
 * requests can ever meet through it.
 */
#ifndef BINDINGS_LOOP_LOCAL_H
#define BINDINGS_LOOP_LOCAL_H

#include <Python.h>

#include "bindings/module_state.h"
#include "io/turn.h"

struct pyb_pool;

struct pyb_loop_local {
	PyObject_HEAD
	struct pyb_module_state *st;	/* the module's; the type keeps the module alive */
	PyObject *loop;
	struct io_turn *turn;
	PyObject *standin;	/* NULL until first needed */
	Py_ssize_t standin_refs;
	PyObject *standin_weak;	/* head of its weak reference list, not owned */
	PyObject *thread_context;	/* what pool calls copy; NULL until needed */
	struct pyb_pool *pool;	/* NULL until first needed */
};

/* The local of `loop` (a fastrapi event loop), made on first use and kept by the
 * loop. New reference; NULL with an exception set. */
struct pyb_loop_local *pyb_local_get(struct pyb_module_state *st, PyObject *loop);

/* [gil] User code is about to run on the loop's thread outside any task:
 * makes the stand-in the current task. 0, or -1 with an exception set. */
int pyb_local_enter(struct pyb_loop_local *h);

/* [gil] The counterpart; a pending exception is kept. */
void pyb_local_leave(struct pyb_loop_local *h);

/* The loop's thread pool, made on first use. NULL with an exception set. */
struct pyb_pool *pyb_local_pool(struct pyb_loop_local *h);

/* The context in which plain functions of a request without a task run (each in
 * a copy of its own). New reference; NULL with an exception set. */
PyObject *pyb_local_thread_context(struct pyb_loop_local *h);

/* Create the type; new reference, NULL with an exception set. */
PyTypeObject *pyb_local_type_new(PyObject *module);

#endif
