/*
 * hop: plain functions that follow each other, on one pool thread, awaited.
 *
 * Each runs as FastAPI's anyio.to_thread.run_sync() runs it: in a copy of the task's context,
 * without a running loop. When the task is cancelled while one of them runs, that one goes on,
 * nobody gets its result, and those after it do not run.
 */
#ifndef BINDINGS_PLAN_HOP_H
#define BINDINGS_PLAN_HOP_H

#include "base/attr.h"
#include "bindings/plan/run.h"

struct pyb_hop {
	struct pyb_job job;
	struct pyb_module_state *st;
	struct pyb_binding *binding;	/* strong: what the functions are called with stays */
	struct pyb_run *run;		/* NULL: it goes on without them */
	PyObject *callable, *args, *named;	/* strong: the first call */
	const struct shm_step *step;	/* of the first call, or NULL */
	/* [gil] On the thread: the first call has returned `value` (stolen). Then, as long as both
	 * say true: the next call, if there is one that may follow here. False with an exception
	 * set: it has raised. While they use `run`, nothing may give up the interpreter: they
	 * must make no object that the garbage collector knows. After each call of user code
	 * they must look whether `run` is still there. NULL: there is nothing to keep, or
	 * nothing follows. */
	bool (*took)(struct pyb_hop *h, PyObject *value);
	bool (*next)(struct pyb_hop *h);
	PyObject *value;		/* what the task gets; NULL: None */
	PyObject *exc, *context, *future, *shield, *scope;
};

/* What begins a hop. */
struct pyb_hop_first {
	PyObject *callable, *args, *named;	/* borrowed; `named` may be NULL */
	const struct shm_step *step;
	bool (*took)(struct pyb_hop *h, PyObject *value);
	bool (*next)(struct pyb_hop *h);
	bool exit;	/* it gives back what others may wait for, and does not wait for a thread
			 * that they have. Scopes that are cancelled meanwhile do not end it. */
};

/* [gil] Submit the calls from the task that will await them. The awaitable, new reference; NULL
 * with an exception set. Never blocks. */
PyObject *pyb_hop_begin(struct pyb_run *r, const struct pyb_hop_first *first) MUST_CHECK;

/* A cancel scope of anyio's around the task may be cancelled. What FastAPI awaits before each
 * function finds that out. The awaitable, new reference; NULL: there is none, or an exception
 * is set. */
PyObject *pyb_hop_checkpoint(struct pyb_run *r) MUST_CHECK;

/* The run goes on without the functions, if any still run, or is about to be cleared. */
void pyb_hop_leave(struct pyb_run *r);

#endif
