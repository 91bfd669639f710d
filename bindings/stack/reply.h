/*
 * reply: what _StreamingResponse.__call__ would send.
 */
#ifndef BINDINGS_STACK_REPLY_H
#define BINDINGS_STACK_REPLY_H

#include <Python.h>
#include <stdbool.h>

#include "base/attr.h"
#include "bindings/coro.h"
#include "bindings/stack/passage.h"

struct pyb_reply {
	enum { PYB_REPLY_NEW, PYB_REPLY_DEBUG, PYB_REPLY_START, PYB_REPLY_TURN, PYB_REPLY_TAKE,
	    PYB_REPLY_BODY, PYB_REPLY_END, PYB_REPLY_BACKGROUND } phase;
	bool streams;			/* the content is taken message by message */
	bool last;			/* the last one was taken */
	/* Without `streams`: */
	PyObject *messages;		/* list of the content's, NULL until the start is sent */
	Py_ssize_t next;		/* the first that was not sent */
};

/* Is it call_next()'s own response, as it was? Then it can be sent by `r`. 1 or 0; -1 with
 * an exception set. */
int pyb_reply_fits(struct pyb_reply *r, struct pyb_passage *p, PyObject *response) MUST_CHECK;

/* One step of sending p->response. `value` is what was awaited; NULL: it raised. RETURN:
 * the response is sent, *out is None. */
enum pyb_coro_verdict pyb_reply_step(struct pyb_reply *r, struct pyb_passage *p,
    PyObject *value, PyObject **out) MUST_CHECK;

#endif
