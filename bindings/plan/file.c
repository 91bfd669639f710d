/*
 * file: what FileResponse.__call__() does, without Python's threads.
 *
 * Called by give.c. FileResponse's own __init__ has made its fields. Those that depend on the
 * file are added here, to the response itself, as Starlette does; the room files then answers.
 * A response that is unusual, or whose file is, is left to Starlette: nothing may be done here
 * that its own __call__() would then do otherwise.
 */
#include "bindings/plan/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/decimal.h"
#include "base/must.h"
#include "bindings/asgi/fields.h"
#include "bindings/plan/asked.h"
#include "bindings/plan/chunks.h"
#include "bindings/plan/drain.h"
#include "bindings/plan/result.h"
#include "files/give.h"
#include "files/open.h"
#include "files/stamp.h"
#include "middleware/exchange.h"

/* What the instance holds, strong. */
struct held {
	PyObject *path, *status, *raw, *headers;
};

static void
held_drop(struct held *h)
{
	Py_CLEAR(h->path);
	Py_CLEAR(h->status);
	Py_CLEAR(h->raw);
	Py_CLEAR(h->headers);
}

/* The value of `name` in the instance's dictionary, borrowed; NULL: it has none. */
static PyObject *
member(PyObject *dict, const char *name)
{
	PyObject *value = PyDict_GetItemString(dict, name);

	PyErr_Clear();
	return value;
}

/* Are they pairs whose names Starlette finds when it looks for them in lower case? */
static bool
names_are_plain(PyObject *raw)
{
	for (Py_ssize_t i = 0; i < PyList_GET_SIZE(raw); i++) {
		PyObject *pair = PyList_GET_ITEM(raw, i), *name;

		if (!PyTuple_CheckExact(pair) || PyTuple_GET_SIZE(pair) != 2)
			return false;
		name = PyTuple_GET_ITEM(pair, 0);
		if (!PyBytes_CheckExact(name) || !pyb_field_name_plain((struct slice){
		    PyBytes_AS_STRING(name), (size_t)PyBytes_GET_SIZE(name) }))
			return false;
	}
	return true;
}

/* Does response.headers edit response.raw_headers, as FileResponse's __init__ leaves it, and
 * is it as usual? */
static bool
headers_are(struct pyb_module_state *st, PyObject *headers, PyObject *raw)
{
	PyObject *list = PyObject_GetAttr(headers, st->n__list);
	bool are = list == raw && PyList_CheckExact(raw) && names_are_plain(raw);

	PyErr_Clear();
	Py_XDECREF(list);
	return are;
}

/* May FileResponse send a file with this status? */
static bool
status_fits(PyObject *number, int *status)
{
	long value = PyLong_AsLong(number);

	PyErr_Clear();
	*status = (int)value;
	return value >= 200 && value <= 599 && value != 204 && value != 205 && value != 304;
}

/* Has the instance what __init__ gives it, and nothing else? Reads that into *h. */
static bool
members_read(PyObject *response, struct held *h)
{
	static const char *const others[] = { "filename", "media_type", "background" };
	PyObject *dict = PyObject_GenericGetDict(response, NULL);
	bool usual;

	if (dict == NULL)
		return false;
	h->path = Py_XNewRef(member(dict, "path"));
	h->status = Py_XNewRef(member(dict, "status_code"));
	h->raw = Py_XNewRef(member(dict, "raw_headers"));
	h->headers = Py_XNewRef(member(dict, "_headers"));
	usual = h->path != NULL && h->status != NULL && h->raw != NULL && h->headers != NULL &&
	    member(dict, "stat_result") == Py_None && PyDict_GET_SIZE(dict) == 8;
	for (size_t i = 0; usual && i < sizeof(others) / sizeof(others[0]); i++)
		usual = member(dict, others[i]) != NULL;
	Py_DECREF(dict);
	return usual;
}

/* Is the response as its class makes it, and is what it answers with known? `status`: that of the
 * answer. If so the caller calls held_drop(). May run user code. */
static bool
held_read(const struct pyb_run *r, PyObject *response, struct held *h, int *status)
{
	const struct pyb_mounts *known = &r->binding->mounts;

	*h = (struct held){ .path = NULL };
	if (known->file_response == NULL || (PyObject *)Py_TYPE(response) != known->file_response)
		return false;
	if (members_read(response, h) && (PyUnicode_CheckExact(h->path) ||
	    (PyObject *)Py_TYPE(h->path) == known->path_class) &&
	    PyLong_CheckExact(h->status) && headers_are(r->app->st, h->headers, h->raw) &&
	    pyb_result_background_empty(r->app->st, response) && status_fits(h->status, status))
		return true;
	held_drop(h);
	return false;
}

/* Open a regular file. NULL: it cannot be opened, or is none. */
static struct hx_file *
file_open(PyObject *path)
{
	PyObject *text = PyOS_FSPath(path), *bytes = NULL;
	struct hx_file *file = NULL;
	struct stat st;
	int fd = -1;

	if (text != NULL)
		bytes = PyUnicode_EncodeFSDefault(text);
	if (bytes != NULL &&
	    strlen(PyBytes_AS_STRING(bytes)) == (size_t)PyBytes_GET_SIZE(bytes))
		fd = open(PyBytes_AS_STRING(bytes), FILES_OPEN_FLAGS);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		file = files_open_new(fd, &st);
	if (fd >= 0 && file == NULL)
		close(fd);
	PyErr_Clear();
	Py_XDECREF(bytes);
	Py_XDECREF(text);
	return file;
}

/* headers.setdefault(name, value), with the pairs that are there. 0, or -1 with an exception
 * set. */
static int
default_set(PyObject *raw, const struct pyb_fields *there, struct slice name,
    struct slice value)
{
	PyObject *pair;
	int rc;

	if (hx_exchange_header_value(there->all, there->n, name).ptr != NULL)
		return 0;
	pair = Py_BuildValue("(y#y#)", name.ptr, (Py_ssize_t)name.len, value.ptr,
	    (Py_ssize_t)value.len);
	rc = pair != NULL ? PyList_Append(raw, pair) : -1;
	Py_XDECREF(pair);
	return rc;
}

/* set_stat_headers(). False: the response has a length of its own, or an exception is set. */
static bool
stat_fields_add(PyObject *raw, const struct hx_file *file, struct arena *arena)
{
	struct pyb_fields there = { 0 };
	struct files_stamp stamp;
	char digits[DECIMAL_MAX];
	struct slice length = { digits, decimal_put(digits, file->size) };
	bool added;

	added = files_stamp_make(&stamp, file) && pyb_fields_take(&there, raw) == 0 &&
	    pyb_fields_read(&there, arena) == 0 &&
	    hx_exchange_header_value(there.all, there.n, SLICE_LIT("content-length")).ptr == NULL &&
	    hx_exchange_header_value(there.all, there.n, SLICE_LIT("content-type")).ptr != NULL &&
	    default_set(raw, &there, SLICE_LIT("content-length"), length) == 0 &&
	    default_set(raw, &there, SLICE_LIT("last-modified"), files_stamp_modified(&stamp)) == 0 &&
	    default_set(raw, &there, SLICE_LIT("etag"), files_stamp_etag(&stamp)) == 0;
	pyb_fields_fini(&there);
	return added;
}

/* Take back all fields from the n-th on: what Starlette sends instead has those of the file that
 * Starlette finds. */
static void
fields_take_back(PyObject *raw, Py_ssize_t n)
{
	if (PyList_SetSlice(raw, n, PY_SSIZE_T_MAX, NULL) < 0)
		PyErr_Clear();
}

/* Make the reply with the fields of the response. Takes the file in any case. False: it was not
 * made, and the response is as before. */
static bool
reply_make(const struct held *h, int status, struct hx_file *file, const struct files_asked *q,
    struct files_reply *reply, struct pyb_fields *f)
{
	Py_ssize_t n = PyList_GET_SIZE(h->raw);
	struct mw_answer a;
	bool made = false;

	*reply = (struct files_reply){ .file = file };
	if (stat_fields_add(h->raw, file, q->arena) &&
	    pyb_fields_take(f, h->raw) == 0 && pyb_fields_read(f, q->arena) == 0 &&
	    mw_answer_init(&a, q->arena, status, f->all, f->n) == 0)
		made = files_reply_make(reply, q, &a, file);
	if (made)
		return true;
	files_reply_drop(reply);
	PyErr_Clear();
	fields_take_back(h->raw, n);
	return false;
}

/* What follows a long file waits until it is sent: let phase SEND wait. False: it cannot. Leaves no
 * exception. */
static bool
drain_prepare(struct pyb_run *r, PyObject *response, const struct held *h,
    const struct files_reply *reply)
{
	must(r->arena == &r->own && r->stream == NULL && r->made == NULL);
	if (r->asgi == NULL)
		r->asgi = pyb_asgi_new(r->app, r->x);
	if (r->asgi != NULL)
		r->stream = pyb_drain_new(r->app->st, r->asgi,
		    reply->heads != NULL ? h->path : NULL);
	PyErr_Clear();
	if (r->stream == NULL)
		return false;
	r->streams = true;
	r->made = Py_NewRef(response);
	return true;
}

/* What FileResponse looks at of the request. A Request has shown the scope to user code, which may
 * have changed the fields there. False: the scope is unusual. */
static bool
asked_get(struct pyb_run *r, struct files_asked *asked)
{
	struct slice method;

	*asked = files_give_asked(r->x);
	if (r->request == NULL)
		return true;
	method = asked->method;
	return pyb_asked_read(r->app->st, pyb_asgi_scope(r->asgi), asked->arena, asked) &&
	    slice_equal(asked->method, method);
}

/* Answer the exchange with the file. */
static bool
file_give(struct pyb_run *r, PyObject *response, const struct held *h, int status, bool follows)
{
	struct files_asked asked;
	struct pyb_fields fields = { .n = 0 };
	struct hx_file *file = asked_get(r, &asked) ? file_open(h->path) : NULL;
	Py_ssize_t n = PyList_GET_SIZE(h->raw);
	struct files_reply reply;
	bool given;

	if (file == NULL)
		return false;
	given = reply_make(h, status, file, &asked, &reply, &fields);
	if (given && follows && reply.len > HX_FILE_AT_ONCE &&
	    !drain_prepare(r, response, h, &reply)) {
		files_reply_drop(&reply);
		fields_take_back(h->raw, n);
		given = false;
	}
	if (given)
		files_give(r->x, &reply);
	pyb_fields_fini(&fields);
	return given;
}

bool
pyb_file_give(struct pyb_run *r, PyObject *response, bool follows)
{
	struct held h;
	bool given;
	int status;

	if (r->x->state != HX_RUNNING || !mw_exchange_is_ready(r->x) ||
	    !held_read(r, response, &h, &status))
		return false;
	given = file_give(r, response, &h, status, follows);
	held_drop(&h);
	return given;
}

/* The file as what goes to a layer. New reference; NULL, perhaps with an exception set: it is
 * Starlette's to send. */
static struct pyb_chunks *
chunks_make(struct pyb_run *r, const struct held *h, int status)
{
	struct pyb_chunks *c = pyb_chunks_new(r->app->st);
	struct pyb_fields fields = { .n = 0 };
	Py_ssize_t n = PyList_GET_SIZE(h->raw);
	struct files_asked asked;
	struct hx_file *file = NULL;
	bool made = false;

	if (c == NULL)
		return NULL;
	if (pyb_asked_read(c->st, r->scope, &c->arena, &asked))
		file = file_open(h->path);
	if (file != NULL && reply_make(h, status, file, &asked, &c->reply, &fields)) {
		c->path = Py_NewRef(h->path);
		made = pyb_chunks_begin(c, h->raw) == 0;
		if (!made)
			fields_take_back(h->raw, n);
	}
	pyb_fields_fini(&fields);
	if (!made)
		Py_CLEAR(c);
	return c;
}

bool
pyb_file_behind(struct pyb_run *r, PyObject *response)
{
	struct held h;
	int status;

	must(r->chunks == NULL);
	if (!held_read(r, response, &h, &status))
		return false;
	r->chunks = (PyObject *)chunks_make(r, &h, status);
	held_drop(&h);
	PyErr_Clear();
	return r->chunks != NULL;
}
