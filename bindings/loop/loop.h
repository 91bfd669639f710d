/*
 * loop: the asyncio event loop that runs on io/turn.
 *
 * Python sees fastrapi.EventLoop, which derives from this C type and from asyncio's unix
 * selector loop. Transports, TLS, subprocesses and executors are asyncio's own code;
 * scheduling (schedule.c), timers (timer.c), descriptors (descriptors.c) and the running
 * itself (loop.c) are C. This header declares what these files, eager_task.c and the
 * users of a loop share.
 */
#ifndef BINDINGS_LOOP_LOOP_H
#define BINDINGS_LOOP_LOOP_H

#include <Python.h>
#include <event2/event_struct.h>
#include <stdbool.h>

#include "base/attr.h"
#include "bindings/loop/handle.h"
#include "bindings/module_state.h"
#include "io/deadlines.h"
#include "io/turn.h"

/* One descriptor's reader and writer. */
struct pyb_watch {
	struct event read_event, write_event;
	struct pyb_handle *reader, *writer;	/* strong */
};

struct pyb_loop {
	PyObject_HEAD
	struct pyb_module_state *st;
	struct io_turn *turn;		/* NULL once closed */
	unsigned long thread;		/* identity of the thread that runs it; 0: nobody does */
	bool stopping;
	bool debug;			/* asyncio's debug mode */
	PyObject *fatal;		/* a callback's SystemExit or KeyboardInterrupt, or NULL */
	struct list foreign;		/* handles from other threads, a reference each */
	struct pyb_watch **watches;	/* by descriptor */
	int n_watches;
	struct io_deadlines deadlines;	/* valid while `turn` is; see timer.h */
	bool closing;			/* no handle may be added any more */
	bool abandoned;			/* a copy in a forked process: left as it is */
	struct pyb_eager *eager;	/* the task under construction, see eager_task.c */
};

/* The turn of a fastrapi event loop, borrowed. NULL with an exception set: TypeError for
 * any other loop, RuntimeError for a closed one. */
struct io_turn *pyb_loop_turn(PyObject *loop) MUST_CHECK;

/* [gil] A real asyncio.Task for `coro`. `context` must be the task's alone, and not
 * entered. `name` is the task's, or NULL. The task's first step has run when this returns.
 * To be called on the loop's thread while the loop runs, outside any task before CPython
 * 3.12. New reference; NULL with an exception set. */
PyObject *pyb_eager_task(PyObject *loop, PyObject *coro, PyObject *context, PyObject *name)
    MUST_CHECK;

/* [gil] The same, an instance of `class`, which derives from asyncio.Task. */
PyObject *pyb_eager_task_of(PyObject *loop, PyObject *class, PyObject *coro, PyObject *context,
    PyObject *name) MUST_CHECK;

/* [gil] The first step of a task, `step`, has raised what is set. A task keeps its coroutine's
 * exceptions, but raises SystemExit and KeyboardInterrupt: they end the loop, like those of a
 * callback. Clears the exception. */
void pyb_eager_task_raised(struct pyb_loop *loop, PyObject *step);

/* For call_soon() while loop->eager is set. True: `callback` is the first step of the task
 * under construction, pyb_eager_task() runs it, and call_soon() must not. */
bool pyb_eager_task_catch(struct pyb_loop *loop, PyObject *callback, PyObject *context)
    MUST_CHECK;

/* `self`; NULL with RuntimeError set once it is closed. */
struct pyb_loop *pyb_loop_alive(PyObject *self) MUST_CHECK;

/* [gil] Append the handles that other threads have scheduled to the FIFO. */
void pyb_schedule_take_foreign(struct pyb_loop *loop);

/* A function of METH_FASTCALL, for a PyMethodDef. */
#define PYB_LOOP_FASTCALL(function) ((PyCFunction)(void (*)(void))(function))

/* Methods call_soon, call_soon_threadsafe, call_later, call_at, time. */
extern PyMethodDef pyb_schedule_methods[];

/* Methods _add_reader, _remove_reader, _add_writer, _remove_writer. */
extern PyMethodDef pyb_descriptors_methods[];

/* The loop is being closed: drop the handles of all descriptors. */
void pyb_descriptors_clear(struct pyb_loop *loop);

/* Create the type; new reference, NULL with an exception set. */
PyTypeObject *pyb_loop_type_new(PyObject *module) MUST_CHECK;

#endif
