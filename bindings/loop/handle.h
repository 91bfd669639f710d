/*
 * handle: a callback that waits for its turn.
 *
 * Handle as asyncio users know it, with the FIFO node inside, so that
 * scheduling allocates one object and nothing else. TimerHandle derives from
 * it, see timer.h.
 */
#ifndef BINDINGS_LOOP_HANDLE_H
#define BINDINGS_LOOP_HANDLE_H

#include <Python.h>
#include <stdbool.h>

#include "io/turn.h"

struct pyb_loop;

struct pyb_handle {
	PyObject_HEAD
	struct pyb_loop *loop;		/* strong */
	PyObject *callback, *args;	/* NULL once cancelled; args may be NULL */
	PyObject *context;
	PyObject *traceback, *repr;	/* in debug mode: where it was made, what it was */
	PyObject *weakrefs;
	struct io_job job;
	struct list_node foreign;	/* in the loop's list of what other threads scheduled */
	bool cancelled;
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

/* Visit the handles that the FIFO holds references to; the loop is not running. */
int pyb_handles_traverse(struct pyb_loop *loop, visitproc visit, void *arg);

/* Take them out and let go of them. */
void pyb_handles_clear(struct pyb_loop *loop);

/* Never call it any more; lets go of the callback. */
void pyb_handle_cancel(struct pyb_handle *h);

PyTypeObject *pyb_handle_type_new(PyObject *module);

/* For derived types: slots, the getter behind isinstance(), whose closure is the
 * name of the class in asyncio.events, and the loan of methods of that class;
 * 0, or -1 with an exception set. */
PyObject *pyb_handle_class(PyObject *self, void *name);
int pyb_handle_borrow(PyTypeObject *type, const char *name, const char *const *methods);
void pyb_handle_dealloc(PyObject *self);
int pyb_handle_traverse(PyObject *self, visitproc visit, void *arg);
int pyb_handle_clear(PyObject *self);

#endif
