/*
 * message: one of the messages that a `receive` gives, as Request.stream() of Starlette reads it.
 */
#ifndef BINDINGS_STACK_MESSAGE_H
#define BINDINGS_STACK_MESSAGE_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/module_state.h"

enum pyb_message {
	PYB_MESSAGE_FAILED,	/* an exception is set */
	PYB_MESSAGE_LAST,	/* content, and there is no more */
	PYB_MESSAGE_MORE,	/* content, and there is more */
	PYB_MESSAGE_LEFT,	/* the client has left */
	PYB_MESSAGE_OTHER
};

/* What a message of any class is. *body: with content that, any object, a new reference; else
 * NULL. May run Python code. */
enum pyb_message pyb_message_read(struct pyb_module_state *st, PyObject *message,
    PyObject **body) MUST_CHECK;

#endif
