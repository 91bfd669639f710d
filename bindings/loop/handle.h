/*
 * handle: a callback that waits for its turn.
 *
 * The Python type Handle, as asyncio's users know it. The FIFO's node is part of the
 * object, so that scheduling makes one allocation. TimerHandle derives from it, see
 * timer.h.
 */
#ifndef BINDINGS_LOOP_HANDLE_H
#define BINDINGS_LOOP_HANDLE_H

#include <Python.h>
#include <stdbool.h>

#include "base/attr.h"
#include "io/turn.h"

struct pyb_loop;

struct pyb_handle {
	PyObject_HEAD
	struct pyb_loop *loop;		/* strong */
	PyObject *callback, *args;	/* NULL once cancelled; args may be NULL */
	PyObject *context;
	PyObject *traceback, *repr;	/* debug mode: where it was made; repr() when cancelled */
	PyObject *weakrefs;
	struct io_job job;
	struct list_node foreign;	/* in the loop's list of what other threads scheduled */
	bool cancelled;
};

/* A handle for callback(*args) in `context` (NULL: a copy of the current one), of the
 * handle type or of one that derives from it. New reference; NULL with an exception
 * set. */
struct pyb_handle *pyb_handle_new(struct pyb_loop *loop, PyObject *callback,
    PyObject *const *args, Py_ssize_t n_args, PyObject *context, PyTypeObject *type) MUST_CHECK;

/* [gil] Append to the FIFO, which holds a reference while the handle is queued. On the
 * loop's thread. No-op when it is queued. */
void pyb_handle_push(struct pyb_handle *h);

/* The same from a libevent callback, without the interpreter and without a reference: the
 * descriptor's pyb_watch holds the handle, and takes it out of the FIFO before dropping
 * it. A handle may fire any number of times. */
void pyb_handle_fire(struct pyb_handle *h);

/* Visit the handles that the FIFO holds references to. The loop must not be running. */
int pyb_handles_traverse(struct pyb_loop *loop, visitproc visit, void *arg);

/* Take these handles out of the FIFO and drop the references. */
void pyb_handles_clear(struct pyb_loop *loop);

/* Never call the callback any more, and drop it. */
void pyb_handle_cancel(struct pyb_handle *h);

/* Create the type; new reference, NULL with an exception set. */
PyTypeObject *pyb_handle_type_new(PyObject *module) MUST_CHECK;

/* For derived types. The getter of __class__, for isinstance(): its closure is the name of
 * a class of asyncio.events. New reference; NULL with an exception set. */
PyObject *pyb_handle_class(PyObject *self, void *name) MUST_CHECK;

/* Give `type` the named methods of that class. 0, or -1 with an exception set. */
int pyb_handle_borrow(PyTypeObject *type, const char *name, const char *const *methods)
    MUST_CHECK;

/* The slots. */
void pyb_handle_dealloc(PyObject *self);
int pyb_handle_traverse(PyObject *self, visitproc visit, void *arg);
int pyb_handle_clear(PyObject *self);

#endif
