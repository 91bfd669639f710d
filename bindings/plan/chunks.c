/*
 * chunks: http.response.start, and a file in messages.
 *
 * Called by file.c, by stack/ and by engine/ (the type). The messages are those of
 * FileResponse._handle_simple(), _handle_single_range() and _handle_multiple_ranges(), or those of
 * the Response that it sends in their place. Reading waits for the disk, as everywhere in the room
 * files.
 */
#include "bindings/plan/chunks.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <structmember.h>
#include <unistd.h>

#include "base/must.h"
#include "bindings/plan/messages.h"

enum {
	ARENA_BYTES = 2048,
	CHUNK = 64 * 1024	/* FileResponse.chunk_size */
};

/* Which piece is next. */
enum next { START, PART_HEAD, PART, TAIL, NOTHING };

struct pyb_chunks *
pyb_chunks_new(struct pyb_module_state *st)
{
	PyTypeObject *type = st->chunks_type;
	struct pyb_chunks *c = (struct pyb_chunks *)type->tp_alloc(type, 0);

	if (c == NULL) {
		PyErr_Clear();
		return NULL;
	}
	arena_init(&c->arena, ARENA_BYTES);
	c->st = st;
	return c;
}

/* The fields of a head as pairs of bytes. New reference; NULL with an exception set. */
static PyObject *
list_of(const struct mw_answer *a)
{
	PyObject *list = PyList_New((Py_ssize_t)a->n);

	for (size_t i = 0; list != NULL && i < a->n; i++) {
		const struct hx_header *f = &a->fields[i];
		PyObject *pair = Py_BuildValue("(y#y#)", f->name.ptr, (Py_ssize_t)f->name.len,
		    f->value.ptr, (Py_ssize_t)f->value.len);

		if (pair != NULL)
			PyList_SET_ITEM(list, (Py_ssize_t)i, pair);
		else
			Py_CLEAR(list);
	}
	return list;
}

int
pyb_chunks_begin(struct pyb_chunks *c, PyObject *fields)
{
	const struct files_reply *r = &c->reply;
	bool whole = r->kind == FILES_WHOLE || (r->kind == FILES_BARE && r->n_parts == 0);

	must(c->fields == NULL);
	c->fields = fields != NULL && whole ? Py_NewRef(fields) : list_of(&r->head);
	c->status = PyLong_FromLong(r->head.status);
	return c->fields == NULL || c->status == NULL ? -1 : 0;
}

bool
pyb_chunks_bare(const struct pyb_chunks *c)
{
	return c->reply.kind == FILES_TEXT || c->reply.kind == FILES_BARE;
}

bool
pyb_chunks_single(const struct pyb_chunks *c)
{
	const struct files_reply *r = &c->reply;

	return pyb_chunks_bare(c) || (r->kind == FILES_WHOLE && r->len < CHUNK) ||
	    (r->kind == FILES_PARTS && r->heads == NULL && r->len <= CHUNK);
}

/* Up to `len` bytes of the file from `at` on. New reference; NULL with an exception set. */
static PyObject *
file_read(const struct files_reply *r, uint64_t at, size_t len)
{
	PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)len);
	struct hx_piece piece = { .bytes = { NULL, len }, .file = r->file, .at = at };
	ssize_t got;

	if (bytes == NULL || len == 0)
		return bytes;
	got = hx_exchange_piece_read(piece, PyBytes_AS_STRING(bytes));
	if (got < 0) {
		Py_DECREF(bytes);
		return PyErr_SetFromErrno(PyExc_OSError);
	}
	if ((size_t)got < len && _PyBytes_Resize(&bytes, got) < 0)
		return NULL;
	return bytes;
}

PyObject *
pyb_chunks_body(struct pyb_module_state *st, PyObject *bytes, bool more)
{
	return bytes == NULL ? NULL : pyb_messages_new(st, st->t_http_response_body, st->n_body,
	    bytes, st->n_more_body, Py_NewRef(more ? Py_True : Py_False));
}

static PyObject *
bytes_of(struct slice text)
{
	return PyBytes_FromStringAndSize(text.ptr, (Py_ssize_t)text.len);
}

PyObject *
pyb_chunks_start(struct pyb_chunks *c)
{
	PyObject *status = c->status, *fields = c->fields;

	must(status != NULL && fields != NULL);
	c->status = c->fields = NULL;
	return pyb_messages_new(c->st, c->st->t_http_response_start, c->st->n_status, status,
	    c->st->n_headers, fields);
}

/* All of the content of a reply that is small; NULL: a file has grown, or an exception is set. */
static PyObject *
content_read(const struct files_reply *r)
{
	uint64_t from = r->kind == FILES_PARTS ? (uint64_t)r->parts[0].from : 0;
	size_t len = (size_t)r->len, room = r->kind == FILES_WHOLE ? len + 1 : len;
	PyObject *bytes;

	if (r->kind == FILES_TEXT || r->kind == FILES_BARE)
		return bytes_of(r->text);
	bytes = file_read(r, from, room);
	if (bytes != NULL && (size_t)PyBytes_GET_SIZE(bytes) > len)
		Py_CLEAR(bytes);
	return bytes;
}

int
pyb_chunks_messages(struct pyb_chunks *c, struct pyb_messages *m)
{
	struct pyb_module_state *st = c->st;
	PyObject *content;

	must(pyb_chunks_single(c) && m->start == NULL && m->body == NULL);
	content = content_read(&c->reply);
	if (content == NULL)
		return PyErr_Occurred() ? -1 : 0;
	m->body = c->reply.kind != FILES_TEXT ? pyb_chunks_body(st, content, false) :
	    pyb_messages_new(st, st->t_http_response_body, st->n_body, content, NULL, NULL);
	m->start = m->body != NULL ? pyb_chunks_start(c) : NULL;
	if (m->start != NULL)
		return 1;
	Py_CLEAR(m->body);
	return -1;
}

/* The file's path as Starlette has it, new reference: that of the response, or where the open
 * file is now. NULL with an exception set. */
static PyObject *
path_of(const struct pyb_chunks *c)
{
	char link[64], path[PATH_MAX];
	ssize_t len;

	if (c->path != NULL)
		return PyObject_Str(c->path);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", c->reply.file->fd);
	len = readlink(link, path, sizeof(path));
	return PyUnicode_DecodeFSDefaultAndSize(path, len > 0 ? len : 0);
}

static bool
is_several(const struct pyb_chunks *c)
{
	return c->reply.heads != NULL;
}

void
pyb_chunks_cut(const struct pyb_chunks *c)
{
	PyObject *path;

	PyErr_Clear();
	if (!is_several(c)) {
		PyErr_SetString(PyExc_RuntimeError,
		    "Response content shorter than Content-Length");
		return;
	}
	path = path_of(c);
	if (path != NULL)
		PyErr_Format(PyExc_RuntimeError, "File at path %U is shorter than expected.", path);
	Py_XDECREF(path);
}

/* The next piece of the part that is sent, or what stands behind it. */
static PyObject *
several_next(struct pyb_chunks *c)
{
	const struct files_reply *r = &c->reply;
	uint64_t to = (uint64_t)r->parts[c->part].to;
	PyObject *bytes;

	if (c->at >= to) {
		c->part++;
		c->next = c->part < r->n_parts ? PART_HEAD : TAIL;
		return bytes_of(FILES_PART_END);
	}
	bytes = file_read(r, c->at, to - c->at < CHUNK ? (size_t)(to - c->at) : CHUNK);
	if (bytes != NULL && PyBytes_GET_SIZE(bytes) == 0) {
		pyb_chunks_cut(c);
		Py_CLEAR(bytes);
	}
	if (bytes != NULL)
		c->at += (uint64_t)PyBytes_GET_SIZE(bytes);
	return bytes;
}

/* The next piece of the file, or of its only part. */
static PyObject *
one_next(struct pyb_chunks *c)
{
	const struct files_reply *r = &c->reply;
	uint64_t to = r->kind == FILES_PARTS ? (uint64_t)r->parts[0].to : UINT64_MAX;
	PyObject *bytes = file_read(r, c->at, to - c->at < CHUNK ? (size_t)(to - c->at) : CHUNK);
	size_t got = bytes != NULL ? (size_t)PyBytes_GET_SIZE(bytes) : 0;

	c->at += got;
	if (got < CHUNK || c->at >= to)
		c->next = NOTHING;
	return bytes;
}

PyObject *
pyb_chunks_piece(struct pyb_chunks *c)
{
	const struct files_reply *r = &c->reply;

	must(r->file != NULL && !pyb_chunks_bare(c));
	if (c->next == START) {
		c->next = is_several(c) ? PART_HEAD : PART;
		c->at = r->kind == FILES_PARTS ? (uint64_t)r->parts[0].from : 0;
	}
	switch (c->next) {
	case PART_HEAD:
		c->next = PART;
		c->at = (uint64_t)r->parts[c->part].from;
		return bytes_of(r->heads[c->part]);
	case PART:
		return is_several(c) ? several_next(c) : one_next(c);
	case TAIL:
		c->next = NOTHING;
		return bytes_of(r->tail);
	default:
		break;
	}
	return NULL;
}

bool
pyb_chunks_over(const struct pyb_chunks *c)
{
	return c->next == NOTHING;
}

/* read() */
static PyObject *
chunks_read(PyObject *self, PyObject *Py_UNUSED(ignored))
{
	PyObject *bytes = pyb_chunks_piece((struct pyb_chunks *)self);

	return bytes == NULL && !PyErr_Occurred() ? Py_NewRef(Py_None) : bytes;
}

/* As of a message of content, so that who expects another one refuses it as such. */
static PyObject *
chunks_item(PyObject *self, PyObject *key)
{
	struct pyb_module_state *st = ((struct pyb_chunks *)self)->st;
	int is = PyObject_RichCompareBool(key, st->n_type, Py_EQ);

	if (is == 0)
		PyErr_SetObject(PyExc_KeyError, key);
	return is > 0 ? Py_NewRef(st->t_http_response_body) : NULL;
}

static int
chunks_traverse(PyObject *self, visitproc visit, void *arg)
{
	struct pyb_chunks *c = (struct pyb_chunks *)self;

	Py_VISIT(Py_TYPE(self));
	Py_VISIT(c->status);
	Py_VISIT(c->fields);
	Py_VISIT(c->path);
	return 0;
}

static int
chunks_clear(PyObject *self)
{
	struct pyb_chunks *c = (struct pyb_chunks *)self;

	Py_CLEAR(c->status);
	Py_CLEAR(c->fields);
	Py_CLEAR(c->path);
	return 0;
}

static void
chunks_dealloc(PyObject *self)
{
	struct pyb_chunks *c = (struct pyb_chunks *)self;
	PyTypeObject *type = Py_TYPE(self);

	PyObject_GC_UnTrack(self);
	chunks_clear(self);
	files_reply_drop(&c->reply);
	arena_fini(&c->arena);
	type->tp_free(self);
	Py_DECREF(type);
}

static PyMethodDef chunks_methods[] = {
	{ "read", chunks_read, METH_NOARGS, "read() -> the next piece of the file, or None." },
	{ NULL, NULL, 0, NULL }
};

static PyMemberDef chunks_members[] = {
	{ "more_body", T_BOOL, offsetof(struct pyb_chunks, more), READONLY, NULL },
	{ NULL, 0, 0, 0, NULL }
};

static PyType_Slot chunks_slots[] = {
	{ Py_tp_dealloc, chunks_dealloc },
	{ Py_tp_traverse, chunks_traverse },
	{ Py_tp_clear, chunks_clear },
	{ Py_tp_methods, chunks_methods },
	{ Py_tp_members, chunks_members },
	{ Py_mp_subscript, chunks_item },
	{ Py_tp_doc, "A message: a file that nobody has read yet." },
	{ 0, NULL }
};

static PyType_Spec chunks_spec = {
	.name = "fastrapi._engine.FileContent",
	.basicsize = sizeof(struct pyb_chunks),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
	.slots = chunks_slots,
};

PyTypeObject *
pyb_chunks_type_new(PyObject *module)
{
	return (PyTypeObject *)PyType_FromModuleAndSpec(module, &chunks_spec, NULL);
}
