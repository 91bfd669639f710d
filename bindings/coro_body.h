/*
 * coro_body: a coroutine, for the two files that make its type.
 */
#ifndef BINDINGS_CORO_BODY_H
#define BINDINGS_CORO_BODY_H

#include "bindings/coro.h"

struct pyb_coro {
	PyObject_HEAD
	const struct pyb_coro_class *class;
	void *arg;
	PyObject *inner;		/* iterator being awaited */
	PyObject *again;		/* what it has yielded, to be yielded again; or NULL */
	bool running;
	bool finished;
	bool like;			/* see pyb_coro_new_like() */
};

/* Has it made no step yet? */
static inline bool
pyb_coro_body_is_new(const struct pyb_coro *c)
{
	return !c->finished && !c->running && c->inner == NULL;
}

/* Release what it holds, if that has not been done. No exception is pending. */
void pyb_coro_finish(struct pyb_coro *c);

/* Slots of the type: am_send and tp_iternext; and its methods. */
PySendResult pyb_coro_am_send(PyObject *self, PyObject *arg, PyObject **result);
PyObject *pyb_coro_next(PyObject *self);
extern PyMethodDef pyb_coro_methods[];

#endif
