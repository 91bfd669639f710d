/*
 * waiters: a list of coroutines that wait for the same thing.
 */
#ifndef BINDINGS_LOOP_WAITERS_H
#define BINDINGS_LOOP_WAITERS_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/module_state.h"

/* A new future of the running loop, appended to *list (NULL: empty). New reference; NULL with an
 * exception set. */
PyObject *pyb_waiters_wait(struct pyb_module_state *st, PyObject **list) MUST_CHECK;

/* Resolve every future of *list, which becomes empty. Each waiting coroutine then looks at the
 * state again. Leaves no exception. */
void pyb_waiters_wake(struct pyb_module_state *st, PyObject **list);

#endif
