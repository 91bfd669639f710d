/*
 * messages: a complete answer as the two ASGI messages that go to a layer of the user's.
 */
#ifndef BINDINGS_PLAN_MESSAGES_H
#define BINDINGS_PLAN_MESSAGES_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/plan/result.h"

/* Each of the first fills r->messages with what Starlette's Response would send; nothing is sent
 * yet. */

/* Of r->result, as pyb_result_answer(). */
enum pyb_result_verdict pyb_messages_result(struct pyb_run *r, PyObject **response) MUST_CHECK;

/* Of a Response, as pyb_result_send(). */
bool pyb_messages_response(struct pyb_run *r, PyObject *response) MUST_CHECK;

/* Of `content` as JSONResponse writes it, as pyb_result_send_json(). */
bool pyb_messages_json(struct pyb_run *r, PyObject *content, int status) MUST_CHECK;

/* {"type": type, key: value, key2: value2}; key2 may be NULL. The values are stolen, also on
 * error. NULL with an exception set. */
PyObject *pyb_messages_new(struct pyb_module_state *st, PyObject *type, PyObject *key,
    PyObject *value, PyObject *key2, PyObject *value2) MUST_CHECK;

/* Both messages of a status, a list of fields and content, all stolen, also on error. 0, or
 * -1 with an exception set. */
int pyb_messages_fill(struct pyb_module_state *st, struct pyb_messages *m, PyObject *status,
    PyObject *fields, PyObject *content) MUST_CHECK;

/* Of a Response that other requests have, too: its list of fields stays its own. Fills *m. 0, or
 * -1 with an exception set. */
int pyb_messages_shared(struct pyb_module_state *st, struct pyb_messages *m,
    PyObject *response) MUST_CHECK;

/* Send those that are left with `send`, one after the other, in the manner of
 * pyb_call_steps(). */
enum pyb_coro_verdict pyb_messages_send(struct pyb_messages *m, PyObject *send, PyObject *value,
    PyObject **out) MUST_CHECK;

#endif
