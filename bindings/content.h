/*
 * content: the content of a request as bytes.
 *
 * Large content is read from the socket into the bytes object that user code will see. The
 * exchange gets its buffer before the content comes (`room`), and loses it when the content
 * is taken.
 */
#ifndef BINDINGS_CONTENT_H
#define BINDINGS_CONTENT_H

#include <Python.h>

#include "base/attr.h"
#include "http/exchange.h"

/* Content of which less than this is to come is not worth a buffer of its own. */
enum { PYB_CONTENT_LARGE = 64 * 1024 };

/* [gil] Make room for `room` bytes of content, with those that have come, in a bytes object.
 * Without memory for it everything stays as it is. */
void pyb_content_room(struct hx_exchange *x, size_t room);

/* [gil] The content that has come, as new bytes; it stays in the exchange. NULL with an
 * exception set. */
PyObject *pyb_content_bytes(struct hx_exchange *x) MUST_CHECK;

/* [gil] The same, but the exchange has it no longer. After an exception it may be lost. */
PyObject *pyb_content_take(struct hx_exchange *x) MUST_CHECK;

#endif
