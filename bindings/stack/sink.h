/*
 * sink: the ASGI `send` of what a dispatch layer wraps.
 *
 * The Python type Sink: calling one sends a message into the passage of the layer
 * (send.c). While it is hungry a plan may put both messages of a complete answer into it
 * instead, and end at once. There is one for each call of call_next().
 */
#ifndef BINDINGS_STACK_SINK_H
#define BINDINGS_STACK_SINK_H

#include <Python.h>
#include <stdbool.h>

#include "base/attr.h"
#include "bindings/plan/run.h"
#include "bindings/stack/passage.h"

/* New reference; NULL with an exception set. */
PyObject *pyb_sink_new(struct pyb_passage *p, bool hungry) MUST_CHECK;

/* Move a complete answer, after which nothing follows, and the exit stacks that are not left
 * (or NULL) into `send`. `handled`: the inner stacks are left. False: that is no hungry Sink,
 * and nothing was moved. */
bool pyb_sink_fill(struct pyb_module_state *st, PyObject *send, struct pyb_messages *m,
    PyObject *stacks[PYB_EXIT_STACKS], bool handled) MUST_CHECK;

/* Put a complete answer into `send`. False: it is no hungry Sink. */
bool pyb_sink_pass(struct pyb_module_state *st, PyObject *send, PyObject *start,
    PyObject *body) MUST_CHECK;

/* Would a complete answer that is sent with `send` be put into a Sink? */
bool pyb_sink_takes(struct pyb_module_state *st, PyObject *send);

/* May a FileContent be sent with `send` in the place of the messages of the content? Not where
 * somebody might see how many there are. */
bool pyb_sink_takes_file(struct pyb_module_state *st, PyObject *send);

/* Has the start of an answer been sent with it, in either way? */
bool pyb_sink_is_started(PyObject *sink);

/* From now on it takes no complete answer. */
void pyb_sink_sate(PyObject *sink);

/* Borrowed; NULL until it is filled. */
PyObject *pyb_sink_start(PyObject *sink);
PyObject *pyb_sink_body(PyObject *sink);

/* Has user code put anything on the exit stacks of a plan that has ended? 1 or 0; -1 with
 * an exception set. */
int pyb_sink_left_open(PyObject *sink) MUST_CHECK;

/* Is `type` of a message this text? An error counts as no, and is cleared. */
bool pyb_sink_is_text(PyObject *type, PyObject *text);

/* Is the message http.response.start? An error counts as no, and is cleared. */
bool pyb_sink_is_start(struct pyb_module_state *st, PyObject *message);

/* Create the type; new reference, NULL with an exception set. */
PyTypeObject *pyb_sink_type_new(PyObject *module) MUST_CHECK;

#endif
