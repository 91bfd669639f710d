/*
 * loop: the asyncio event loop that runs on io/turn.
 *
 * Python sees fastrapi.EventLoop, which derives from this C type and from
 * asyncio's unix selector loop: transports, TLS, subprocesses and executors are
 * asyncio's own code; scheduling, timers, descriptors and the running itself
 * are here.
 */
#ifndef BINDINGS_LOOP_LOOP_H
#define BINDINGS_LOOP_LOOP_H

#include <Python.h>
#include <event2/event_struct.h>
#include <stdbool.h>

#include "bindings/loop/handle.h"
#include "bindings/module_state.h"
#include "io/deadlines.h"
#include "io/turn.h"

/* One descriptor's readers and writers. */
struct pyb_watch {
	struct event read_event, write_event;
	struct pyb_handle *reader, *writer;	/* strong */
};

struct pyb_loop {
	PyObject_HEAD
	struct pyb_module_state *st;
	struct io_turn *turn;		/* NULL once closed */
	unsigned long thread;		/* that runs it, 0: not running */
	bool stopping;
	bool debug;			/* asyncio's debug mode */
	PyObject *fatal;		/* SystemExit or KeyboardInterrupt of a callback */
	struct list foreign;		/* handles from other threads, a reference each */
	struct pyb_watch **watches;	/* by descriptor */
	int n_watches;
	struct io_deadlines deadlines;	/* while `turn` lives; see timer.h */
	bool closing;			/* takes no more handles */
	struct pyb_eager *eager;	/* a task is being constructed, see eager_task.c */
};

/* The turn of a fastrapi event loop, borrowed. NULL with TypeError for any
 * other loop, with RuntimeError for a closed one. */
struct io_turn *pyb_loop_turn(PyObject *loop);

/* A real asyncio.Task for `coro` in `context`, which is its own and entered by
 * nobody. Its first step has run when this returns. Only for use outside any
 * task, on the loop's thread while it runs. New reference; NULL with an
 * exception set. */
PyObject *pyb_eager_task(PyObject *loop, PyObject *coro, PyObject *context);

/* For call_soon() while loop->eager is set: true when `callback` was the first
 * step of the task under construction, which is then taken. */
bool pyb_eager_task_catch(struct pyb_loop *loop, PyObject *callback, PyObject *context);

/* `self`, or NULL with RuntimeError once it is closed. */
struct pyb_loop *pyb_loop_alive(PyObject *self);

/* Append what other threads have scheduled to the FIFO. */
void pyb_schedule_take_foreign(struct pyb_loop *loop);

/* A function of METH_FASTCALL, for a PyMethodDef. */
#define PYB_LOOP_FASTCALL(function) ((PyCFunction)(void (*)(void))(function))

/* Methods call_soon, call_soon_threadsafe, call_later, call_at, time. */
extern PyMethodDef pyb_schedule_methods[];

/* Methods _add_reader, _remove_reader, _add_writer, _remove_writer. */
extern PyMethodDef pyb_descriptors_methods[];

/* Forget all descriptors (close). */
void pyb_descriptors_clear(struct pyb_loop *loop);

PyTypeObject *pyb_loop_type_new(PyObject *module);

#endif
