/*
 * message: its type, and what it has of content.
 *
 * Called by body.c and wrapped.c. Entries are asked for in Starlette's order.
 */
#include "bindings/stack/message.h"

#include "bindings/compat.h"

/* message.get(key, absent), new reference; NULL with an exception set. */
static PyObject *
entry_of(struct pyb_module_state *st, PyObject *message, PyObject *key, PyObject *absent)
{
	PyObject *value;

	if (!PyDict_CheckExact(message))
		return PyObject_CallMethodObjArgs(message, st->n_get, key, absent, NULL);
	value = PyDict_GetItemWithError(message, key);
	if (value == NULL && !PyErr_Occurred())
		value = absent;
	return Py_XNewRef(value);
}

static enum pyb_message
content_read(struct pyb_module_state *st, PyObject *message, PyObject **body)
{
	PyObject *empty = PyBytes_FromStringAndSize(NULL, 0), *more = NULL;
	int goes_on = -1;

	if (empty != NULL)
		*body = entry_of(st, message, st->n_body, empty);
	Py_XDECREF(empty);
	if (*body != NULL)
		more = entry_of(st, message, st->n_more_body, Py_False);
	if (more != NULL)
		goes_on = PyObject_IsTrue(more);
	Py_XDECREF(more);
	if (goes_on >= 0)
		return goes_on ? PYB_MESSAGE_MORE : PYB_MESSAGE_LAST;
	Py_CLEAR(*body);
	return PYB_MESSAGE_FAILED;
}

enum pyb_message
pyb_message_read(struct pyb_module_state *st, PyObject *message, PyObject **body)
{
	PyObject *type = PyObject_GetItem(message, st->n_type);
	int content = type == NULL ? -1 :
	    PyObject_RichCompareBool(type, st->t_http_request, Py_EQ);
	int left = content != 0 ? 0 :
	    PyObject_RichCompareBool(type, st->t_http_disconnect, Py_EQ);

	*body = NULL;
	Py_XDECREF(type);
	if (content < 0 || left < 0)
		return PYB_MESSAGE_FAILED;
	if (content > 0)
		return content_read(st, message, body);
	return left > 0 ? PYB_MESSAGE_LEFT : PYB_MESSAGE_OTHER;
}
