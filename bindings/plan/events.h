/*
 * events: server-sent events between their endpoint and the stream that sends them.
 *
 * The Python type Events stands for the two tasks inside FastAPI's _sse_producer_cm(), one of
 * which puts in a ping where the endpoint is silent, and for the memory streams behind each.
 */
#ifndef BINDINGS_PLAN_EVENTS_H
#define BINDINGS_PLAN_EVENTS_H

#include <Python.h>

#include "base/attr.h"

/* Create the type; new reference, NULL with an exception set. */
PyTypeObject *pyb_events_type_new(PyObject *module) MUST_CHECK;

#endif
