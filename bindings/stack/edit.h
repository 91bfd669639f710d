/*
 * edit: the messages of an answer pass native layers.
 */
#ifndef BINDINGS_STACK_EDIT_H
#define BINDINGS_STACK_EDIT_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/stack/filter.h"

/* What becomes of a message. */
enum pyb_fate {
	PYB_FATE_ON,		/* it goes on */
	PYB_FATE_ON_HELD,	/* the start that was held (f->held) goes on, then the message */
	PYB_FATE_KEPT,		/* nothing goes on */
	PYB_FATE_WORK,		/* f->work comes first (work.h), then pyb_edit_worked() */
	PYB_FATE_RELAYED,	/* Starlette's own class must edit it; nothing has gone on yet */
	PYB_FATE_FAILED		/* an exception is set */
};

/* Let the layers edit a message, in place. The filter has no work. */
enum pyb_fate pyb_edit_message(struct pyb_filter *f, PyObject *message) MUST_CHECK;

/* The work for a message is done: let it go on. */
enum pyb_fate pyb_edit_worked(struct pyb_filter *f, PyObject *message) MUST_CHECK;

/* The messages are a complete answer that is to go to *send (a strong reference). If that is
 * a filter whose layers can edit it at once, they do so, and *send becomes what is outside
 * of the stretch, as often as this is so. 0, or -1 with an exception set. */
int pyb_edit_whole(struct pyb_module_state *st, PyObject **send, struct pyb_messages *m)
    MUST_CHECK;

#endif
