/*
 * body: what a layer's `receive` gives until there is no more.
 *
 * Called by inner.c. It does what Request.stream() and Request.body() of Starlette do, with
 * messages of any class, since a layer may make them.
 */
#include "bindings/stack/body.h"

#include "bindings/stack/message.h"

/* Keep a piece of the content (stolen). 0, or -1 with an exception set. */
static int
piece_keep(struct pyb_inner *c, PyObject *body)
{
	int full = PyObject_IsTrue(body);

	if (full > 0 && c->chunks == NULL && (c->chunks = PyList_New(0)) == NULL)
		full = -1;
	if (full > 0)
		full = PyList_Append(c->chunks, body);
	Py_DECREF(body);
	return full < 0 ? -1 : 0;
}

/* 1: another message must be awaited; 0: that was all; -1 with an exception set. */
static int
message_take(struct pyb_inner *c, PyObject *message)
{
	struct pyb_module_state *st = pyb_stack_state(c);
	PyObject *body;
	enum pyb_message is = pyb_message_read(st, message, &body);

	switch (is) {
	case PYB_MESSAGE_LAST:
	case PYB_MESSAGE_MORE:
		return piece_keep(c, body) < 0 ? -1 : is == PYB_MESSAGE_MORE;
	case PYB_MESSAGE_LEFT:
		PyErr_SetNone(st->client_disconnect);
		return -1;
	case PYB_MESSAGE_OTHER:
		return 1;
	case PYB_MESSAGE_FAILED:
		break;
	}
	return -1;
}

/* All of it as bytes. New reference; NULL with an exception set. */
static PyObject *
whole(struct pyb_inner *c)
{
	PyObject *first = c->chunks != NULL ? PyList_GET_ITEM(c->chunks, 0) : NULL;
	PyObject *empty, *joined;

	if (first != NULL && PyList_GET_SIZE(c->chunks) == 1 && PyBytes_CheckExact(first))
		return Py_NewRef(first);
	empty = PyBytes_FromStringAndSize(NULL, 0);
	if (empty == NULL || c->chunks == NULL)
		return empty;
	joined = PyObject_CallMethodOneArg(empty, pyb_stack_state(c)->n_join, c->chunks);
	Py_DECREF(empty);
	return joined;
}

enum pyb_coro_verdict
pyb_body_read(struct pyb_inner *c, PyObject *value, PyObject **out)
{
	int more = 1;

	*out = NULL;
	if (value == NULL)
		return PYB_CORO_ERROR;
	if (c->phase == PYB_INNER_CONTENT)
		more = message_take(c, value);
	c->phase = PYB_INNER_CONTENT;
	if (more < 0)
		return PYB_CORO_ERROR;
	if (more == 0) {
		*out = whole(c);
		Py_CLEAR(c->chunks);
		return *out != NULL ? PYB_CORO_RETURN : PYB_CORO_ERROR;
	}
	*out = PyObject_CallNoArgs(c->receive);
	return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
}
