/*
 * handle: a callback that waits for its turn.
 *
 * Handle and TimerHandle as asyncio users know them (cancel(), cancelled(),
 * when()), with the FIFO node and the libevent timer inside, so that scheduling
 * allocates one object and nothing else.
 */
#ifndef BINDINGS_HANDLE_H
#define BINDINGS_HANDLE_H

#include <Python.h>
#include <event2/event_struct.h>
#include <stdbool.h>

#include "io/turn.h"

struct pyb_loop;

struct pyb_handle {
	PyObject_HEAD
	struct pyb_loop *loop;		/* strong */
	PyObject *callback, *args;	/* NULL once cancelled; args may be NULL */
	PyObject *context;
	PyObject *weakrefs;
	struct io_job job;
	struct pyb_handle *next;	/* in the loop's list of foreign handles */
	struct pyb_handle *timer_next, **timer_at;	/* in the loop's list of timers */
	bool cancelled;
	bool timed;			/* `timer` is in use and holds a reference */
	double when;			/* loop time in seconds */
	struct event timer;
};

/* A handle for callback(*args) in `context` (NULL: a copy of the current one).
 * New reference; NULL with an exception set. */
struct pyb_handle *pyb_handle_new(struct pyb_loop *loop, PyObject *callback,
    PyObject *const *args, Py_ssize_t n_args, PyObject *context, PyTypeObject *type);

/* Append to the FIFO, which takes a reference for as long as it is queued.
 * Loop's thread, interpreter held. */
void pyb_handle_push(struct pyb_handle *h);

/* The same from a libevent callback, without the interpreter and without a
 * reference: a watch keeps the handle, and takes it out of the FIFO when it
 * lets go. May fire again and again. */
void pyb_handle_fire(struct pyb_handle *h);

/* Start the timer so that the handle fires at h->when. */
void pyb_handle_schedule(struct pyb_handle *h);

/* Cancel every timer of the loop (close). */
void pyb_handle_timers_clear(struct pyb_loop *loop);

PyTypeObject *pyb_handle_type_new(PyObject *module);
PyTypeObject *pyb_timer_handle_type_new(PyObject *module, PyTypeObject *base);

#endif
