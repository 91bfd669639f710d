/*
 * send: the application answers.
 *
 * Called by asgi.c, whose method it is, by plan/pieces.c, plan/drain.c and stack/carry.c, and by
 * websocket/ for what a message has. Each call of the method makes a coroutine that follows
 * uvicorn's RequestResponseCycle.send: the same order of checks, the same exceptions with the
 * same texts, and no effect at all once the client has gone away. It waits before it writes while
 * the connection is full. It must never block the loop: waiting means awaiting a future.
 */
#include <stdlib.h>

#include "bindings/asgi/fields.h"
#include "bindings/asgi/internal.h"
#include "bindings/coro.h"
#include "bindings/session.h"
#include "files/give.h"
#include "http/field.h"
#include "middleware/exchange.h"

PyObject *
pyb_asgi_get(PyObject *message, PyObject *key)
{
	PyObject *value;

	if (PyDict_CheckExact(message)) {
		value = PyDict_GetItemWithError(message, key);
		return Py_XNewRef(value);
	}
	value = PyObject_GetItem(message, key);
	if (value == NULL && PyErr_ExceptionMatches(PyExc_KeyError))
		PyErr_Clear();
	return value;
}

/* message[key], new reference. NULL with KeyError set when the key is absent. */
static PyObject *
require(PyObject *message, PyObject *key)
{
	PyObject *value = pyb_asgi_get(message, key);

	if (value == NULL && !PyErr_Occurred())
		PyErr_SetObject(PyExc_KeyError, key);
	return value;
}

/* int() must take the first content-length, as in uvicorn, and so must a client; no other
 * one counts, and none does behind a `transfer-encoding: chunked`. 0, or -1 with an
 * exception set. */
static int
length_check(const struct pyb_fields *f)
{
	for (size_t i = 0; i < f->n; i++) {
		struct slice name = f->all[i].name, value = f->all[i].value;
		PyObject *number;
		uint64_t length;

		if (slice_equal(name, SLICE_LIT("transfer-encoding")) &&
		    slice_equal_lower(value, SLICE_LIT("chunked")))
			return 0;
		if (!slice_equal(name, SLICE_LIT("content-length")))
			continue;
		if (hx_field_length_read(value, &length))
			return 0;
		/* The value is the start of a bytes object, which has a NUL behind it. */
		number = PyLong_FromString(value.ptr, NULL, 10);
		if (number != NULL)
			PyErr_SetString(PyExc_RuntimeError, "Invalid HTTP header value.");
		Py_XDECREF(number);
		return -1;
	}
	return 0;
}

/* Set the exception for a message of the wrong type (`expected` NULL: none may follow).
 * Returns -1. */
static int
type_refuse(PyObject *type, const char *expected)
{
	if (expected != NULL)
		PyErr_Format(PyExc_RuntimeError,
		    "Expected ASGI message '%s', but got '%S'.", expected, type);
	else
		PyErr_Format(PyExc_RuntimeError,
		    "Unexpected ASGI message '%S' sent, after response already completed.",
		    type);
	return -1;
}

/* Is there nobody any more to whom something could be sent? */
static bool
is_gone(const struct pyb_asgi *a)
{
	return (a->x == NULL && !a->complete) || pyb_asgi_is_cut(a) ||
	    (a->x != NULL && a->x->content.aborted);
}

/* May a message still be sent? Reading it may have run code of the user's, which may have gone on
 * with the answer. 1; 0: nobody is there; -1 with an exception set: the answer is complete. */
static int
is_due(const struct pyb_asgi *a, PyObject *type)
{
	if (is_gone(a))
		return 0;
	return a->complete ? type_refuse(type, NULL) : 1;
}

/* message["status"]. 0, or -1 with an exception set. */
static int
status_read(struct pyb_module_state *st, PyObject *message, int *code)
{
	PyObject *status = require(message, st->n_status);
	long value;

	if (status == NULL)
		return -1;
	value = PyLong_AsLong(status);
	PyErr_Clear();
	*code = value >= 100 && value <= 999 ? (int)value : 0;
	if (*code == 0)
		PyErr_SetObject(PyExc_KeyError, status);
	Py_DECREF(status);
	return *code != 0 ? 0 : -1;
}

/* message["headers"], which may be absent. 0, or -1 with an exception set. */
static int
fields_take(struct pyb_module_state *st, PyObject *message, struct pyb_fields *f)
{
	PyObject *headers = pyb_asgi_get(message, st->n_headers);
	int rc;

	if (headers == NULL && !PyErr_Occurred())
		headers = PyTuple_New(0);
	rc = headers != NULL ? pyb_fields_take(f, headers) : -1;
	Py_XDECREF(headers);
	return rc;
}

/* http.response.start. 0, or -1 with an exception set. */
static int
send_start(struct pyb_asgi *a, PyObject *message)
{
	struct pyb_module_state *st = a->app->st;
	struct pyb_fields f = { .n = 0 };
	int code, due = -1;

	/* Starlette's layer around the application would not pass the message on. */
	if (!mw_exchange_is_ready(a->x))
		return pyb_session_refuse(mw_exchange_session(a->x, MW_EDGE));
	a->started = a->headless = true;
	if (status_read(st, message, &code) == 0 && fields_take(st, message, &f) == 0)
		due = is_due(a, st->t_http_response_start);
	if (due > 0 && !a->headless)
		due = type_refuse(st->t_http_response_start, "http.response.body");
	if (due > 0 && (pyb_fields_read(&f, &a->x->arena) < 0 || length_check(&f) < 0))
		due = -1;
	if (due > 0) {
		a->headless = false;
		a->x->calls->head(a->x, code, f.all, f.n);
	}
	pyb_fields_fini(&f);
	return due < 0 ? -1 : 0;
}

/* message["body"] as content. New reference; NULL with an exception set, or with none when nobody is
 * there. */
static PyObject *
content_take(struct pyb_asgi *a, PyObject *message)
{
	struct pyb_module_state *st = a->app->st;
	PyObject *body = pyb_asgi_get(message, st->n_body), *content = NULL;

	/* Without an exchange nobody knows how content is to be read. */
	if (!PyErr_Occurred() && is_due(a, st->t_http_response_body) > 0)
		content = pyb_asgi_content_of(a->x, body);
	Py_XDECREF(body);
	return content;
}

/* http.response.body. 0, or -1 with an exception set. */
static int
send_body(struct pyb_asgi *a, PyObject *message)
{
	struct pyb_module_state *st = a->app->st;
	PyObject *content = content_take(a, message);
	PyObject *more = content != NULL ? pyb_asgi_get(message, st->n_more_body) : NULL;
	int again = more != NULL ? PyObject_IsTrue(more) : 0, rc = -1;

	if (content == NULL && !PyErr_Occurred())
		rc = 0;
	else if (content != NULL && again >= 0 && !PyErr_Occurred())
		rc = is_due(a, st->t_http_response_body);
	if (rc > 0)
		rc = pyb_asgi_content_send(a, content, !again);
	Py_XDECREF(content);
	Py_XDECREF(more);
	return rc;
}

enum kind { START, BODY, OTHER };

/* 0, or -1 with an exception set. */
static int
kind_read(struct pyb_module_state *st, PyObject *type, enum kind *kind)
{
	int is = PyObject_RichCompareBool(type, st->t_http_response_start, Py_EQ);

	*kind = START;
	if (is == 0) {
		is = PyObject_RichCompareBool(type, st->t_http_response_body, Py_EQ);
		*kind = is != 0 ? BODY : OTHER;
	}
	return is < 0 ? -1 : 0;
}

/* Is it, being neither start nor content, none of the types that Starlette's GZip knows? It lets no
 * other pass. */
static bool
is_strange(PyObject *type)
{
	static const char *const known[] = {
		"http.response.early_hint", "http.response.trailers", "http.response.pathsend"
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (PyUnicode_Check(type) && PyUnicode_CompareWithASCIIString(type, known[i]) == 0)
			return false;
	return true;
}

/* Does a layer around the application take a message that is not due? A start that comes again
 * replaces the one that it holds, or goes no further once it has held one. 1: it is done; 0: none
 * does; -1 with an exception set. */
static int
undue_take(struct pyb_asgi *a, enum kind kind, PyObject *type, PyObject *message)
{
	if (kind == BODY)
		return 0;
	if (kind == OTHER)
		return mw_exchange_looks(a->x) && is_strange(type);
	if (!a->started)
		return 0;
	switch (mw_exchange_start(a->x)) {
	case MW_START_HELD:
		return send_start(a, message) < 0 ? -1 : 1;
	case MW_START_KEPT:
		return 1;
	case MW_START_GONE:
		break;
	}
	return 0;
}

/* Send a message that may be sent. 0, or -1 with an exception set. */
static int
kind_send(struct pyb_asgi *a, enum kind kind, PyObject *type, PyObject *message)
{
	int taken = undue_take(a, kind, type, message);

	if (taken != 0)
		return taken < 0 ? -1 : 0;
	if (!a->started)
		return kind == START ? send_start(a, message) :
		    type_refuse(type, "http.response.start");
	return kind == BODY ? send_body(a, message) : type_refuse(type, "http.response.body");
}

static int
message_send(struct pyb_asgi *a, PyObject *message)
{
	struct pyb_module_state *st = a->app->st;
	PyObject *type = require(message, st->n_type);
	enum kind kind;
	int rc = type != NULL ? kind_read(st, type, &kind) : -1;

	if (rc == 0)
		rc = is_due(a, type);
	if (rc > 0)
		rc = kind_send(a, kind, type, message);
	Py_XDECREF(type);
	return rc;
}

int
pyb_asgi_send_piece(struct pyb_asgi *a, PyObject *piece, bool last, PyObject **out)
{
	struct pyb_module_state *st = a->app->st;
	PyObject *content;
	int due;

	if (is_gone(a)) {
		a->started = true;
		return 1;
	}
	if (a->x != NULL && a->x->calls->full(a->x)) {
		*out = pyb_waiters_wait(a->app->st, &a->senders);
		return *out != NULL ? 0 : -1;
	}
	if (a->complete)
		return type_refuse(st->t_http_response_body, NULL);
	if (!a->started)
		return type_refuse(st->t_http_response_body, "http.response.start");
	content = pyb_asgi_content_of(a->x, piece);
	due = content != NULL ? is_due(a, st->t_http_response_body) : -1;
	if (due > 0)
		due = pyb_asgi_content_send(a, content, last);
	Py_XDECREF(content);
	return due < 0 ? -1 : 1;
}

bool
pyb_asgi_give_file(struct pyb_asgi *a, const struct files_reply *r)
{
	const struct hx_exchange *x = a->x;

	if (is_gone(a))
		return true;
	if (x == NULL || x->state != HX_HEAD_SENT || !x->promise.content ||
	    !x->promise.has_length || x->promise.left != r->len)
		return false;
	files_give_content(a->x, r);
	return true;
}

int
pyb_asgi_drain(struct pyb_asgi *a, PyObject **out)
{
	if (a->x != NULL && a->x->cut) {
		PyErr_SetString(PyExc_RuntimeError,
		    "Response content shorter than Content-Length");
		return -1;
	}
	if (a->x == NULL || a->x->content.aborted || !a->x->calls->unsent(a->x))
		return 1;
	*out = pyb_waiters_wait(a->app->st, &a->senders);
	return *out != NULL ? 0 : -1;
}

/* `arg` is the tuple (asgi, message). */
static enum pyb_coro_verdict
send_step(void *arg, PyObject *value, PyObject **out)
{
	struct pyb_asgi *a = (struct pyb_asgi *)PyTuple_GET_ITEM((PyObject *)arg, 0);
	bool gone = is_gone(a);

	if (value == NULL)
		return PYB_CORO_ERROR;
	if (!gone && a->x != NULL && a->x->calls->full(a->x)) {
		*out = pyb_waiters_wait(a->app->st, &a->senders);
		return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
	}
	if (gone)
		a->started = true;	/* as layers around the application see it */
	else if (message_send(a, PyTuple_GET_ITEM((PyObject *)arg, 1)) < 0)
		return PYB_CORO_ERROR;
	*out = Py_NewRef(Py_None);
	return PYB_CORO_RETURN;
}

PyObject *
pyb_asgi_method_send(PyObject *self, PyObject *message)
{
	static const struct pyb_coro_class class = {
		"send", send_step, pyb_coro_release_object, pyb_coro_traverse_object
	};
	PyObject *pair = PyTuple_Pack(2, self, message);

	return pair != NULL ?
	    pyb_coro_new(((struct pyb_asgi *)self)->app->st, &class, pair) : NULL;
}
