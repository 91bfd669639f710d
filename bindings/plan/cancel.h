/*
 * cancel: the end of a request whose answer is no longer wanted.
 */
#ifndef BINDINGS_PLAN_CANCEL_H
#define BINDINGS_PLAN_CANCEL_H

#include <Python.h>

#include "http/exchange.h"

/* [gil] Cancel the task in which the exchange's request runs; no-op where none does. Leaves no
 * exception. */
void pyb_cancel_run(struct hx_exchange *x);

/* [gil] Cancel a task (NULL: no-op) for the same reason. Leaves no exception. */
void pyb_cancel_task(PyObject *task);

#endif
