/*
 * message: the parts of a message into one object.
 *
 * Called by websocket.c. A message that comes in one frame, as nearly all do, is written into its object
 * without its mask: that is the only copy of it. Text is taken for ASCII, whose bytes are those of a
 * compact str, and decoded at the end when it is not. Ill-formed text is told of with the part that shows it.
 */
#include "bindings/websocket/internal.h"

enum { FIRST_ROOM = 4096 };

/* Room for a message whose length is known: its object. 0, or -1 when out of memory. */
static int
object_make(struct pyb_incoming *in, bool text, uint64_t len)
{
	if (len > PY_SSIZE_T_MAX / 2)
		return -1;
	in->object = text ? PyUnicode_New((Py_ssize_t)len, 127) :
	    PyBytes_FromStringAndSize(NULL, (Py_ssize_t)len);
	if (in->object == NULL)
		return -1;
	in->bytes = text ? PyUnicode_DATA(in->object) : PyBytes_AS_STRING(in->object);
	in->cap = (size_t)len;
	return 0;
}

/* The same for one of unknown length, of which `more` bytes come. */
static int
buffer_grow(struct pyb_incoming *in, size_t more)
{
	size_t cap = in->cap == 0 ? FIRST_ROOM : in->cap;
	char *grown;

	if (in->len > PY_SSIZE_T_MAX / 4 || more > PY_SSIZE_T_MAX / 4)
		return -1;
	while (cap < in->len + more)
		cap *= 2;
	if (cap == in->cap)
		return 0;
	grown = PyMem_Realloc(in->bytes, cap);
	if (grown == NULL)
		return -1;
	in->bytes = grown;
	in->cap = cap;
	return 0;
}

static int
room_make(struct pyb_incoming *in, const struct hx_part *part)
{
	if (part->first) {
		in->ascii = true;
		in->text = (struct utf8_stream){ 0 };
	}
	if (part->first && part->whole > 0)
		return object_make(in, part->opcode == HX_TEXT, part->whole);
	return in->object != NULL ? 0 : buffer_grow(in, part->payload.len);
}

/* The object of a message that is complete, a new reference; NULL with an exception set. */
static PyObject *
object_take(struct pyb_incoming *in, bool text)
{
	PyObject *object = in->object;

	if (object != NULL && (!text || in->ascii)) {
		in->object = NULL;	/* and the bytes with it */
		in->cap = 0;
		return object;
	}
	return text ? PyUnicode_DecodeUTF8(in->bytes, (Py_ssize_t)in->len, NULL) :
	    PyBytes_FromStringAndSize(in->bytes, (Py_ssize_t)in->len);
}

unsigned
pyb_message_add(struct pyb_incoming *in, const struct hx_part *part, PyObject **message)
{
	bool text = part->opcode == HX_TEXT, ascii;
	char *to;

	*message = NULL;
	if (room_make(in, part) < 0)
		goto no_memory;
	to = in->bytes + in->len;
	ascii = hx_frame_unmask(to, part->payload.ptr, part->payload.len, part->key, part->at);
	in->len += part->payload.len;
	in->ascii = in->ascii && ascii;
	if (text && !(ascii && utf8_stream_is_whole(&in->text)) &&
	    !utf8_stream_take(&in->text, to, part->payload.len))
		return HX_CLOSE_TEXT;
	if (!part->last)
		return 0;
	if (text && !utf8_stream_is_whole(&in->text))
		return HX_CLOSE_TEXT;
	*message = object_take(in, text);
	pyb_message_fini(in);
	if (*message != NULL)
		return 0;
no_memory:
	PyErr_Clear();
	return HX_CLOSE_FAILED;
}

void
pyb_message_fini(struct pyb_incoming *in)
{
	if (in->object == NULL && in->cap > 0)
		PyMem_Free(in->bytes);
	Py_CLEAR(in->object);
	in->bytes = NULL;
	in->len = in->cap = 0;
}
