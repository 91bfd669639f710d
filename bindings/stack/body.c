/*
 * body: what a layer's `receive` gives until there is no more.
 *
 * Called by inner.c. It does what Request.stream() and Request.body() of Starlette do, with
 * messages of any class, since a layer may make them.
 */
#include "bindings/stack/body.h"

#include "bindings/compat.h"

/* message.get(key), new reference; NULL without an exception: it has none. */
static PyObject *
entry_of(struct pyb_module_state *st, PyObject *message, PyObject *key)
{
	PyObject *value;

	if (PyDict_CheckExact(message))
		return Py_XNewRef(PyDict_GetItemWithError(message, key));
	value = PyObject_CallMethodOneArg(message, st->n_get, key);
	if (value == Py_None)
		Py_CLEAR(value);
	return value;
}

/* Keep what a message of the content brings. 1: there is more; 0; -1 with an exception set. */
static int
piece_keep(struct pyb_inner *c, PyObject *message)
{
	struct pyb_module_state *st = pyb_stack_state(c);
	PyObject *more = entry_of(st, message, st->n_more_body), *body = NULL;
	int goes_on = more != NULL ? PyObject_IsTrue(more) : 0, full = 0;

	Py_XDECREF(more);
	if (goes_on < 0 || PyErr_Occurred())
		return -1;
	body = entry_of(st, message, st->n_body);
	if (body != NULL)
		full = PyObject_IsTrue(body);
	if (full > 0 && c->chunks == NULL && (c->chunks = PyList_New(0)) == NULL)
		full = -1;
	if (full > 0)
		full = PyList_Append(c->chunks, body);
	Py_XDECREF(body);
	return full < 0 || PyErr_Occurred() ? -1 : goes_on;
}

/* 1: another message must be awaited; 0: that was all; -1 with an exception set. */
static int
message_take(struct pyb_inner *c, PyObject *message)
{
	struct pyb_module_state *st = pyb_stack_state(c);
	PyObject *type = PyObject_GetItem(message, st->n_type);
	int is = type != NULL ? PyObject_RichCompareBool(type, st->t_http_request, Py_EQ) : -1;
	int more = 1;

	if (is > 0) {
		more = piece_keep(c, message);
	} else if (is == 0) {
		is = PyObject_RichCompareBool(type, st->t_http_disconnect, Py_EQ);
		if (is > 0) {
			PyErr_SetNone(st->client_disconnect);
			is = -1;
		}
	}
	Py_XDECREF(type);
	return is < 0 ? -1 : more;
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
