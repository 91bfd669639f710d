/*
 * deliver: the answer from a file goes to a layer.
 */
#ifndef BINDINGS_STACK_DELIVER_H
#define BINDINGS_STACK_DELIVER_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/plan/chunks.h"

/* Begin to send `c` (taken in any case), as FileResponse would with `receive` and `send`: *m
 * becomes a complete answer, to be sent as any other, or *stream a coroutine that sends all. 0,
 * or -1 with an exception set: nothing was sent. */
int pyb_deliver(struct pyb_chunks *c, PyObject *receive, PyObject *send, struct pyb_messages *m,
    PyObject **stream) MUST_CHECK;

#endif
