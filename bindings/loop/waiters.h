/*
 * waiters: coroutines that wait for the same thing.
 *
 * Most of the time one does: its future stands alone. Several are a list.
 */
#ifndef BINDINGS_LOOP_WAITERS_H
#define BINDINGS_LOOP_WAITERS_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/module_state.h"

/* A new future of the running loop, one of *waiters (NULL: there is none) from now on. New reference;
 * NULL with an exception set. */
PyObject *pyb_waiters_wait(struct pyb_module_state *st, PyObject **waiters) MUST_CHECK;

/* Resolve every future of *waiters, which becomes empty. Each waiting coroutine then looks at the
 * state again. Leaves no exception. */
void pyb_waiters_wake(struct pyb_module_state *st, PyObject **waiters);

#endif
