/*
 * content: bytes objects that the kernel writes into.
 *
 * Called by request.c and asgi/receive.c before content comes, and by asgi/receive.c and
 * plan/read.c when it is wanted. Nobody but the exchange has a reference to an object that
 * is still written to. That is done without the interpreter, so the object must be whole and
 * is never resized meanwhile.
 */
#include "bindings/content.h"

static void
bytes_give_back(void *lender)
{
	Py_DECREF((PyObject *)lender);
}

void
pyb_content_room(struct hx_exchange *x, size_t room)
{
	PyObject *bytes;

	if (x->content.lent && x->content.cap >= room)
		return;
	bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)room);
	if (bytes == NULL)
		PyErr_Clear();
	else
		hx_exchange_content_lend(x, PyBytes_AS_STRING(bytes), room, bytes,
		    bytes_give_back);
}

static PyObject *
bytes_copy(const struct hx_content *c)
{
	return PyBytes_FromStringAndSize(c->data, (Py_ssize_t)c->len);
}

PyObject *
pyb_content_bytes(struct hx_exchange *x)
{
	struct hx_content *c = &x->content;

	return c->lent && c->len == c->cap ? Py_NewRef((PyObject *)c->lender) : bytes_copy(c);
}

PyObject *
pyb_content_take(struct hx_exchange *x)
{
	struct hx_content *c = &x->content;
	Py_ssize_t len = (Py_ssize_t)c->len;
	bool whole = c->len == c->cap;
	PyObject *bytes;

	/* A few bytes leave the room to those that follow them. */
	if (!c->lent || c->len < c->cap / 2) {
		bytes = bytes_copy(c);
		if (bytes != NULL)
			c->len = 0;
		return bytes;
	}
	bytes = c->lender;
	c->lender = NULL;
	c->lent = false;
	c->data = NULL;
	c->len = c->cap = 0;
	/* Whoever has a reference to it has one to all of it. */
	if (!whole && _PyBytes_Resize(&bytes, len) < 0)
		return NULL;
	return bytes;
}
