/*
 * deliver: at once where nobody sees the difference.
 *
 * Called by inner.c and mount.c. Starlette sends a file from a task of its own, while another
 * waits for http.disconnect. Where a small file goes into a dispatch layer whole, no code of the
 * user's runs in these tasks: there are none. Else python/fastrapi/compile/streams.py does what
 * they do.
 */
#include "bindings/stack/deliver.h"

#include "bindings/stack/carry.h"
#include "bindings/stack/filter.h"
#include "bindings/stack/listen.h"
#include "bindings/stack/sink.h"

/* Where messages go that are sent with `send`: past native layers. Borrowed. */
static PyObject *
behind_filters(struct pyb_module_state *st, PyObject *send)
{
	while (Py_TYPE(send) == st->filter_type)
		send = ((struct pyb_filter *)send)->send;
	return send;
}

/* A coroutine that sends all of the answer. 0, or -1 with an exception set. */
static int
send_begin(struct pyb_chunks *c, PyObject *receive, PyObject *send, PyObject **stream)
{
	PyObject *sending = pyb_carry_answer(c, send);

	if (sending == NULL)
		return -1;
	*stream = PyObject_CallFunctionObjArgs(c->st->file_behind, sending, receive, NULL);
	Py_DECREF(sending);
	return *stream == NULL ? -1 : 0;
}

/* Make the messages, if they may be sent without a coroutine. 1: done; 0; -1 with an exception
 * set. */
static int
at_once(struct pyb_chunks *c, PyObject *receive, PyObject *send, struct pyb_messages *m)
{
	int may = 1;

	if (!pyb_chunks_bare(c))
		may = pyb_chunks_single(c) &&
		    pyb_sink_takes(c->st, behind_filters(c->st, send)) ?
		    pyb_listen(c->st, receive) : 0;
	return may > 0 ? pyb_chunks_messages(c, m) : may;
}

int
pyb_deliver(struct pyb_chunks *c, PyObject *receive, PyObject *send, struct pyb_messages *m,
    PyObject **stream)
{
	int made = at_once(c, receive, send, m);
	int rc = made == 0 ? send_begin(c, receive, send, stream) : made < 0 ? -1 : 0;

	Py_DECREF(c);
	return rc;
}
