/*
 * started: has the start of an answer gone through a `send`?
 *
 * The layers of a mounted application ask it when something goes wrong inside them, as
 * Starlette's ServerErrorMiddleware does. Those `send` that are the engine's own know it
 * themselves; any other gets a Started around it.
 */
#ifndef BINDINGS_STACK_STARTED_H
#define BINDINGS_STACK_STARTED_H

#include <Python.h>
#include <stdbool.h>

#include "base/attr.h"
#include "bindings/module_state.h"

/* What to call in the place of `send`, so that pyb_started_is() knows. New reference; NULL with
 * an exception set. */
PyObject *pyb_started_watch(struct pyb_module_state *st, PyObject *send) MUST_CHECK;

/* Has a start been sent through what pyb_started_watch() gave? */
bool pyb_started_is(struct pyb_module_state *st, PyObject *watched);

/* Create the type; new reference, NULL with an exception set. */
PyTypeObject *pyb_started_type_new(PyObject *module) MUST_CHECK;

#endif
