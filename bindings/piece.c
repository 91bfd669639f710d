/*
 * piece: copied or referred to.
 *
 * Called by asgi/body.c, asgi/fields.c, plan/result.c, stack/edit.c and websocket/send.c for what an
 * application answers, or says.
 */
#include "bindings/piece.h"

/* Up to this size a copy is cheaper than a segment of its own in the output. */
enum { COPY_BYTES = 8192 };

static void
owner_release(void *arg)
{
	Py_DECREF((PyObject *)arg);
}

struct hx_piece
pyb_piece_within(PyObject *owner, struct slice bytes)
{
	struct hx_piece piece = { .bytes = bytes };

	if (bytes.len > COPY_BYTES) {
		piece.release = owner_release;
		piece.arg = Py_NewRef(owner);
	}
	return piece;
}

struct hx_piece
pyb_piece_of(PyObject *bytes)
{
	return pyb_piece_within(bytes,
	    (struct slice){ PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes) });
}

PyObject *
pyb_piece_copy(PyObject *buffer)
{
	PyObject *bytes;
	Py_buffer view;

	if (PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE) < 0)
		return NULL;
	bytes = PyBytes_FromStringAndSize(view.buf, view.len);
	PyBuffer_Release(&view);
	return bytes;
}
