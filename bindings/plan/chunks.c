/*
 * chunks: http.response.start, and a file in messages.
 *
 * Called by file.c, run.c and stack/. The messages are those of FileResponse._handle_simple(),
 * _handle_single_range() and _handle_multiple_ranges(), or those of the Response that it sends
 * in their place. Reading waits for the disk, as everywhere in the room files.
 */
#include "bindings/plan/chunks.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "base/must.h"
#include "bindings/coro.h"
#include "bindings/plan/messages.h"
#include "bindings/text.h"

enum {
	ARENA_BYTES = 2048,
	CHUNK = 64 * 1024	/* FileResponse.chunk_size */
};

/* What the coroutine sends next. */
enum next { START, PART_HEAD, PART, TAIL, NOTHING };

struct pyb_chunks *
pyb_chunks_new(struct pyb_module_state *st)
{
	struct pyb_chunks *c = PyMem_Calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	arena_init(&c->arena, ARENA_BYTES);
	c->st = st;
	return c;
}

void
pyb_chunks_free(struct pyb_chunks *c)
{
	files_reply_drop(&c->reply);
	Py_CLEAR(c->status);
	Py_CLEAR(c->fields);
	Py_CLEAR(c->path);
	Py_CLEAR(c->send);
	arena_fini(&c->arena);
	PyMem_Free(c);
}

/* The entry as an exact dict, borrowed; NULL: it is absent or no dict. */
static PyObject *
dict_of(PyObject *scope, PyObject *key)
{
	PyObject *value = PyDict_GetItemWithError(scope, key);

	return value != NULL && PyDict_CheckExact(value) ? value : NULL;
}

/* Would FileResponse wait for http.disconnect while it sends, and send content by itself? */
static bool
is_usual(struct pyb_module_state *st, PyObject *scope)
{
	PyObject *asgi = dict_of(scope, st->n_asgi), *version;

	if (asgi == NULL || PyDict_Contains(scope, st->n_extensions) != 0)
		return false;
	version = PyDict_GetItemWithError(asgi, st->n_spec_version);
	return version != NULL && PyUnicode_CheckExact(version) &&
	    PyUnicode_CompareWithASCIIString(version, "2.3") == 0;
}

/* The entry as text. False: it is none. */
static bool
text_of(PyObject *scope, PyObject *key, struct slice *out)
{
	PyObject *text = PyDict_GetItemWithError(scope, key);

	return text != NULL && PyUnicode_CheckExact(text) && pyb_text_slice(text, out) == 0;
}

bool
pyb_chunks_asked(struct pyb_chunks *c, PyObject *scope, struct files_asked *q)
{
	struct pyb_module_state *st = c->st;
	struct pyb_source source;
	bool usual;

	*q = (struct files_asked){ .arena = &c->arena };
	usual = PyDict_CheckExact(scope) && is_usual(st, scope) &&
	    text_of(scope, st->n_method, &q->method) && text_of(scope, st->n_path, &q->path) &&
	    q->path.len > 0 && pyb_source_scope(&source, scope, &c->arena, st->n_headers,
	    st->n_query_string) == 0;
	PyErr_Clear();
	if (!usual)
		return false;
	q->fields = source.headers;
	q->n_fields = source.n_headers;
	return true;
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

/* http.response.body with its end, or not; the content is stolen. New reference; NULL with an
 * exception set. */
static PyObject *
body_new(struct pyb_module_state *st, PyObject *content, bool more)
{
	return content == NULL ? NULL : pyb_messages_new(st, st->t_http_response_body, st->n_body,
	    content, st->n_more_body, Py_NewRef(more ? Py_True : Py_False));
}

static PyObject *
bytes_of(struct slice text)
{
	return PyBytes_FromStringAndSize(text.ptr, (Py_ssize_t)text.len);
}

static PyObject *
start_new(struct pyb_chunks *c)
{
	PyObject *status = c->status, *fields = c->fields;

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
	m->body = c->reply.kind != FILES_TEXT ? body_new(st, content, false) :
	    pyb_messages_new(st, st->t_http_response_body, st->n_body, content, NULL, NULL);
	m->start = m->body != NULL ? start_new(c) : NULL;
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

/* There is nothing where the head has announced something. */
static PyObject *
shorter_raise(const struct pyb_chunks *c)
{
	PyObject *path = path_of(c);

	if (path != NULL)
		PyErr_Format(PyExc_RuntimeError, "File at path %U is shorter than expected.", path);
	Py_XDECREF(path);
	return NULL;
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
		return body_new(c->st, bytes_of(FILES_PART_END), true);
	}
	bytes = file_read(r, c->at, to - c->at < CHUNK ? (size_t)(to - c->at) : CHUNK);
	if (bytes == NULL)
		return NULL;
	if (PyBytes_GET_SIZE(bytes) == 0) {
		Py_DECREF(bytes);
		return shorter_raise(c);
	}
	c->at += (uint64_t)PyBytes_GET_SIZE(bytes);
	return body_new(c->st, bytes, true);
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
	return body_new(c->st, bytes, c->next != NOTHING);
}

/* The message that is due; NULL with an exception set. */
static PyObject *
message_next(struct pyb_chunks *c)
{
	const struct files_reply *r = &c->reply;
	bool several = r->heads != NULL;

	switch (c->next) {
	case START:
		c->next = several ? PART_HEAD : PART;
		if (r->kind == FILES_PARTS)
			c->at = (uint64_t)r->parts[0].from;
		return start_new(c);
	case PART_HEAD:
		c->next = PART;
		c->at = (uint64_t)r->parts[c->part].from;
		return body_new(c->st, bytes_of(r->heads[c->part]), true);
	case PART:
		return several ? several_next(c) : one_next(c);
	default:
		break;
	}
	c->next = NOTHING;
	return body_new(c->st, bytes_of(r->tail), false);
}

static enum pyb_coro_verdict
chunks_step(void *arg, PyObject *value, PyObject **out)
{
	struct pyb_chunks *c = arg;
	PyObject *message;

	if (value == NULL)
		return PYB_CORO_ERROR;
	if (c->next == NOTHING) {
		*out = Py_NewRef(Py_None);
		return PYB_CORO_RETURN;
	}
	/* Where Starlette waits for a thread others have their turn, and the client may be gone. */
	if (c->next != START && !c->waited) {
		c->waited = true;
		*out = PyObject_CallNoArgs(c->st->turn);
		return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
	}
	c->waited = false;
	message = message_next(c);
	if (message != NULL)
		*out = PyObject_CallOneArg(c->send, message);
	Py_XDECREF(message);
	return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
}

static void
chunks_release(void *arg)
{
	pyb_chunks_free(arg);
}

static int
chunks_traverse(void *arg, visitproc visit, void *varg)
{
	struct pyb_chunks *c = arg;

	return (c->fields != NULL && visit(c->fields, varg) != 0) || visit(c->send, varg) != 0;
}

PyObject *
pyb_chunks_send(struct pyb_chunks *c, PyObject *send)
{
	static const struct pyb_coro_class class = {
		"file", chunks_step, chunks_release, chunks_traverse
	};

	must(c->reply.file != NULL && !pyb_chunks_bare(c));
	c->send = Py_NewRef(send);
	return pyb_coro_new(c->st, &class, c);
}
