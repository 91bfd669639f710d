/*
 * local: what the bindings keep for one event loop.
 *
 * The loop's turn, its thread pool and its stand-in tasks.
 */
#ifndef BINDINGS_LOOP_LOCAL_H
#define BINDINGS_LOOP_LOCAL_H

#include <Python.h>

#include "base/attr.h"
#include "base/list.h"
#include "bindings/loop/standin.h"
#include "bindings/module_state.h"
#include "io/turn.h"

struct pyb_pool;

struct pyb_loop_local {
	PyObject_HEAD
	struct pyb_module_state *st;	/* the module's; the type keeps the module alive */
	PyObject *loop;			/* strong; NULL once closed */
	struct io_turn *turn;		/* valid while `loop` is */
	struct pyb_standin standin;	/* the outermost */
	struct pyb_standin *entered;	/* the innermost that is a current task; NULL: none is */
	PyObject *kept;			/* set of tasks, see pyb_local_keep(); NULL until needed */
	PyObject *thread_context;	/* pool calls get copies of it; NULL until needed */
	struct pyb_pool *pool;		/* NULL until first needed */
	struct {
		struct list waiting;
		unsigned running;
	} offload;			/* work in C for the pool's threads, see offload.h */
};

/* [gil] The local of `loop` (a fastrapi event loop), made on first use and kept by the
 * loop. New reference; NULL with an exception set. */
struct pyb_loop_local *pyb_local_get(struct pyb_module_state *st, PyObject *loop) MUST_CHECK;

/* [gil] Hold `task` until pyb_local_keep_no_more() or until the loop is closed. A pending
 * task that nothing else refers to would be collected. 0, or -1 with an exception set. */
int pyb_local_keep(struct pyb_loop_local *h, PyObject *task) MUST_CHECK;

/* [gil] End what pyb_local_keep() began. A pending exception stays. */
void pyb_local_keep_no_more(struct pyb_loop_local *h, PyObject *task);

/* [gil] The loop's thread pool, made on first use. Borrowed; NULL with an exception set. */
struct pyb_pool *pyb_local_pool(struct pyb_loop_local *h) MUST_CHECK;

/* [gil] A new context for a request whose plain functions run on a pool thread; each
 * function gets a copy. NULL with an exception set. */
PyObject *pyb_local_thread_context(struct pyb_loop_local *h) MUST_CHECK;

/* Create the type; new reference, NULL with an exception set. */
PyTypeObject *pyb_local_type_new(PyObject *module) MUST_CHECK;

#endif
