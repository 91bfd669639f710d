/*
 * piece: a bytes object as content of an answer.
 */
#ifndef BINDINGS_PIECE_H
#define BINDINGS_PIECE_H

#include <Python.h>

#include "base/attr.h"
#include "http/exchange.h"

/* [gil] The content of `bytes` (exactly a bytes object). Large content is sent from the
 * object, to which the piece has a reference until it is released; small content is
 * copied, and `bytes` must live until it has been handed on. */
struct hx_piece pyb_piece_of(PyObject *bytes);

/* [gil] The same for `bytes` that stand in `owner` and stay as long as that. */
struct hx_piece pyb_piece_within(PyObject *owner, struct slice bytes);

/* [gil] A copy of a buffer, which must be contiguous. New reference to a bytes object; NULL with
 * the buffer's exception set. */
PyObject *pyb_piece_copy(PyObject *buffer) MUST_CHECK;

#endif
