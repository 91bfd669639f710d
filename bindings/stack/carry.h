/*
 * carry: a file on its way out through layers that leave its content alone.
 *
 * To the server's own `send` its pieces go as a plan's do: the server sends the file. Into a
 * dispatch layer it goes as one message, the FileContent, from which that layer's response goes
 * out in the same way; user code that looks into the response finds the pieces that Starlette
 * would have read. To any other `send` it goes in Starlette's messages.
 */
#ifndef BINDINGS_STACK_CARRY_H
#define BINDINGS_STACK_CARRY_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/plan/chunks.h"

/* A coroutine that sends all of the answer with `send`, as FileResponse does. */
PyObject *pyb_carry_answer(struct pyb_chunks *c, PyObject *send) MUST_CHECK;

/* A coroutine that sends all of the content, as messages behind which others follow. */
PyObject *pyb_carry_content(struct pyb_chunks *c, PyObject *send) MUST_CHECK;

/* Both borrow `c` and `send`. New reference; NULL with an exception set. */

#endif
