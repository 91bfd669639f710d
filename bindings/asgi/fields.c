/*
 * fields: the header fields of an application's answer, checked.
 *
 * Called by send.c for http.response.start, by websocket/answer.c, and by plan/result.c, plan/file.c and
 * plan/stream.c for Response objects.
 * Every field of http.response.start passes pyb_fields_read(). None may carry a byte that splits
 * the response (CVE-2020-7695); the accepted bytes are those that uvicorn accepts. A name or value
 * may be any buffer, as with one of uvicorn's two implementations or both; text is refused, as with
 * httptools'.
 */
#include "bindings/asgi/fields.h"

#include "bindings/compat.h"
#include "bindings/piece.h"
#include "http/field.h"

static bool
name_byte(unsigned char c)
{
	/* Most bytes of a name are letters. */
	return (c >= 'a' && c <= 'z') ||
	    (c > 0x20 && c != 0x7F && strchr("()<>@,;:[]={}\\\"", c) == NULL);
}

bool
pyb_field_name_plain(struct slice name)
{
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.ptr[i];

		if (!name_byte(c) || (c >= 'A' && c <= 'Z'))
			return false;
	}
	return name.len > 0;
}

static bool
name_ok(struct slice name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!name_byte((unsigned char)name.ptr[i]))
			return false;
	return name.len > 0;
}

/* Make the name lower case, in the arena. 0; -1 with RuntimeError set when it is empty, or
 * has a byte that no name may have. */
static int
name_read(struct slice *name, struct arena *arena)
{
	char *lower;

	if (pyb_field_name_plain(*name))
		return 0;
	if (!name_ok(*name)) {
		PyErr_SetString(PyExc_RuntimeError, "Invalid HTTP header name.");
		return -1;
	}
	lower = arena_alloc(arena, name->len);
	if (lower == NULL) {
		PyErr_NoMemory();
		return -1;
	}
	for (size_t i = 0; i < name->len; i++)
		lower[i] = (char)slice_lower((unsigned char)name->ptr[i]);
	name->ptr = lower;
	return 0;
}

/* The bytes of a bytes object. 0, or -1 with TypeError set. */
static int
slice_read(PyObject *bytes, struct slice *out)
{
	if (!PyBytes_Check(bytes)) {
		PyErr_Format(PyExc_TypeError,
		    "header names and values must be bytes, not %.100s",
		    Py_TYPE(bytes)->tp_name);
		return -1;
	}
	*out = (struct slice){ PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes) };
	return 0;
}

static int
field_read(struct hx_header *field, PyObject *pair, struct arena *arena)
{
	if (PyTuple_GET_SIZE(pair) != 2) {
		PyErr_SetString(PyExc_ValueError, "a header must be a pair");
		return -1;
	}
	if (slice_read(PyTuple_GET_ITEM(pair, 0), &field->name) < 0 ||
	    slice_read(PyTuple_GET_ITEM(pair, 1), &field->value) < 0 ||
	    name_read(&field->name, arena) < 0)
		return -1;
	if (hx_field_value_ok(field->value))
		return 0;
	PyErr_SetString(PyExc_RuntimeError, "Invalid HTTP header value.");
	return -1;
}

/* What a name or value is read from: the bytes of a buffer, which may be another's by the time they
 * are sent, else the object itself. New reference; NULL with an exception set. */
static PyObject *
member_take(PyObject *member)
{
	PyObject *bytes;

	if (PyBytes_Check(member) || !PyObject_CheckBuffer(member))
		return Py_NewRef(member);
	bytes = pyb_piece_copy(member);
	if (bytes == NULL && !PyErr_ExceptionMatches(PyExc_MemoryError))
		PyErr_Format(PyExc_TypeError, "expected string or bytes-like object, got '%.200s'",
		    Py_TYPE(member)->tp_name);
	return bytes;
}

/* A pair as a tuple; field_read() refuses what is no pair of bytes. New reference; NULL with an
 * exception set. */
static PyObject *
pair_take(PyObject *from)
{
	PyObject *pair = PySequence_Tuple(from), *name, *value, *made;

	if (pair == NULL || PyTuple_GET_SIZE(pair) != 2 ||
	    (PyBytes_Check(PyTuple_GET_ITEM(pair, 0)) && PyBytes_Check(PyTuple_GET_ITEM(pair, 1))))
		return pair;
	name = member_take(PyTuple_GET_ITEM(pair, 0));
	value = name != NULL ? member_take(PyTuple_GET_ITEM(pair, 1)) : NULL;
	made = value != NULL ? PyTuple_Pack(2, name, value) : NULL;
	Py_XDECREF(name);
	Py_XDECREF(value);
	Py_DECREF(pair);
	return made;
}

int
pyb_fields_take(struct pyb_fields *f, PyObject *pairs)
{
	*f = (struct pyb_fields){ .n = 0 };
	f->keep = pyb_compat_list(pairs);
	if (f->keep == NULL)
		return -1;
	for (Py_ssize_t i = 0; i < PyList_GET_SIZE(f->keep); i++) {
		PyObject *pair = pair_take(PyList_GET_ITEM(f->keep, i));

		if (pair == NULL) {
			f->failed = PyErr_GetRaisedException();
			break;
		}
		PyList_SetItem(f->keep, i, pair);
		f->n++;
	}
	return 0;
}

int
pyb_fields_read(struct pyb_fields *f, struct arena *arena)
{
	f->all = arena_alloc(arena, (f->n + 1) * sizeof(*f->all));
	if (f->all == NULL) {
		PyErr_NoMemory();
		return -1;
	}
	for (size_t i = 0; i < f->n; i++)
		if (field_read(&f->all[i], PyList_GET_ITEM(f->keep, (Py_ssize_t)i), arena) < 0)
			return -1;
	if (f->failed == NULL)
		return 0;
	PyErr_SetRaisedException(f->failed);
	f->failed = NULL;
	return -1;
}

void
pyb_fields_fini(struct pyb_fields *f)
{
	Py_CLEAR(f->keep);
	Py_CLEAR(f->failed);
}
