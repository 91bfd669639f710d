/*
 * file: an endpoint's FileResponse.
 */
#ifndef BINDINGS_PLAN_FILE_H
#define BINDINGS_PLAN_FILE_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/plan/run.h"

/* Answer the run's exchange with `response`, if it is a FileResponse that C knows to the
 * letter, and its file can be opened. `follows`: something is done as soon as the file is sent.
 * False: nothing was sent; await the response. Leaves no exception. */
bool pyb_file_give(struct pyb_run *r, PyObject *response, bool follows) MUST_CHECK;

/* The same for a run behind a layer: r->chunks becomes the answer, and nothing is sent yet. */
bool pyb_file_behind(struct pyb_run *r, PyObject *response) MUST_CHECK;

#endif
