/*
 * give: a complete answer of a run, for the exchange or for a layer of the user's.
 *
 * Alone, the exchange has the answer at once. Behind a layer, the answer is kept as two
 * messages, which phase SEND sends. The rest of plan/ need not know which.
 */
#ifndef BINDINGS_PLAN_GIVE_H
#define BINDINGS_PLAN_GIVE_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/plan/result.h"

/* The answer is r->result. *response is a new reference with PYB_RESULT_RESPONSE, else
 * NULL. */
enum pyb_result_verdict pyb_give_result(struct pyb_run *r, PyObject **response) MUST_CHECK;

/* The answer is `response`, if sending it means only a start and a body, or a file. `follows`:
 * it has background tasks, though it does not say so now. False: nothing was given. Leaves no
 * exception. */
bool pyb_give_response(struct pyb_run *r, PyObject *response, bool follows) MUST_CHECK;

/* The answer is `content` as JSONResponse writes it, and no other fields. False: nothing was
 * given. Leaves no exception. */
bool pyb_give_json(struct pyb_run *r, PyObject *content, int status) MUST_CHECK;

#endif
