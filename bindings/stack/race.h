/*
 * race: awaiting what the client sends, until the outer answer has gone out.
 */
#ifndef BINDINGS_STACK_RACE_H
#define BINDINGS_STACK_RACE_H

#include <Python.h>
#include <stdbool.h>

#include "base/attr.h"
#include "bindings/stack/passage.h"

/* An awaitable of the result of `coroutine`. It goes on in the awaiting task itself; once
 * p->sent is set it is cancelled. New reference; NULL with an exception set. */
PyObject *pyb_race_new(struct pyb_passage *p, PyObject *coroutine) MUST_CHECK;

/* Has it waited for a future? */
bool pyb_race_has_waited(PyObject *race);

/* The outer answer has gone out: cancel what all races of `p` wait for. 0, or -1 with an
 * exception set. */
int pyb_race_cancel(struct pyb_passage *p) MUST_CHECK;

/* Create the type; new reference, NULL with an exception set. */
PyTypeObject *pyb_race_type_new(PyObject *module) MUST_CHECK;

#endif
