/*
 * answer: what becomes of a handshake.
 *
 * Called by send.c. It is accepted with 101; or denied, with 403 or with an answer that the application
 * gives.
 */
#include "base/decimal.h"
#include "bindings/asgi/asgi.h"
#include "bindings/asgi/fields.h"
#include "bindings/websocket/internal.h"
#include "http/field.h"
#include "http/handshake.h"

enum { OWN_FIELDS = 3 };	/* of a 101 */

/* The fields of an answer: those of `headers`, an iterable or NULL, with room for `more` in front of
 * them. They are in the exchange's arena. 0, or -1 with an exception set; pyb_fields_fini() in any case. */
static int
fields_read(struct pyb_websocket *w, PyObject *headers, struct pyb_fields *f, struct hx_header **all,
    size_t more)
{
	if (headers != NULL && headers != Py_None) {
		if (pyb_fields_take(f, headers) < 0)
			return -1;
		/* Reading them may have run code that has gone on. */
		if (w->x == NULL)
			return pyb_websocket_disconnected(w);
		if (pyb_fields_read(f, &w->x->arena) < 0)
			return -1;
	}
	*all = arena_alloc(&w->x->arena, (f->n + more) * sizeof(**all));
	if (*all == NULL) {
		PyErr_NoMemory();
		return -1;
	}
	if (f->n > 0)
		memcpy(*all + more, f->all, f->n * sizeof(**all));
	return 0;
}

/* The name of a subprotocol for its field. 0, or -1 with an exception set. */
static int
subprotocol_read(PyObject *subprotocol, struct slice *value)
{
	Py_ssize_t len;

	*value = SLICE_NULL;
	if (subprotocol == Py_None)
		return 0;
	if (!PyUnicode_Check(subprotocol)) {
		PyErr_Format(PyExc_TypeError, "subprotocol of websocket.accept must be a str, not %.100s",
		    Py_TYPE(subprotocol)->tp_name);
		return -1;
	}
	value->ptr = PyUnicode_AsUTF8AndSize(subprotocol, &len);
	if (value->ptr == NULL)
		return -1;
	value->len = (size_t)len;
	if (hx_field_value_ok(*value))
		return 0;
	PyErr_SetString(PyExc_RuntimeError, "Invalid HTTP header value.");
	return -1;
}

/* websocket.accept, with what was read of it. 0, or -1 with an exception set. */
static int
accept_with(struct pyb_websocket *w, PyObject *headers, PyObject *subprotocol)
{
	struct pyb_fields f = { .n = 0 };
	struct hx_header *all = NULL;
	char answer[HX_HANDSHAKE_ANSWER_BYTES];
	struct slice name;
	size_t n;
	int rc = subprotocol_read(subprotocol, &name);

	if (rc == 0)
		rc = fields_read(w, headers, &f, &all, OWN_FIELDS + 1);
	if (rc == 0 && w->state != PYB_WEBSOCKET_CONNECTING)
		rc = pyb_websocket_disconnected(w);
	if (rc == 0) {
		hx_handshake_answer(w->x, answer);
		n = name.len > 0;
		all += 1 - n;
		if (n > 0)
			all[0] = (struct hx_header){ SLICE_LIT("sec-websocket-protocol"), name };
		all[n] = (struct hx_header){ SLICE_LIT("upgrade"), SLICE_LIT("websocket") };
		all[n + 1] = (struct hx_header){ SLICE_LIT("connection"), SLICE_LIT("Upgrade") };
		all[n + 2] = (struct hx_header){ SLICE_LIT("sec-websocket-accept"),
		    { answer, sizeof(answer) } };
		if (w->x->websocket->accept(w->x, all, n + OWN_FIELDS + f.n) < 0)
			rc = pyb_websocket_disconnected(w);
		else
			w->state = PYB_WEBSOCKET_OPEN;
	}
	pyb_fields_fini(&f);
	return rc;
}

int
pyb_websocket_accept(struct pyb_websocket *w, PyObject *message)
{
	struct pyb_module_state *st = w->app->st;
	PyObject *headers = pyb_websocket_get_or_none(message, st->n_headers);
	PyObject *subprotocol = NULL;
	int rc = -1;

	if (headers != NULL)
		subprotocol = pyb_websocket_get_or_none(message, st->n_subprotocol);
	if (subprotocol != NULL)
		rc = w->x != NULL ? accept_with(w, headers, subprotocol) : pyb_websocket_disconnected(w);
	Py_XDECREF(headers);
	Py_XDECREF(subprotocol);
	return rc;
}

/* Is there such a field among the first `n`? */
static bool
has(const struct hx_header *fields, size_t n, struct slice name)
{
	return hx_exchange_header_value(fields, n, name).ptr != NULL;
}

/* Deny with an answer of HTTP's. What uvicorn adds where it is missing is added. 0, or -1 with an
 * exception set. */
static int
deny(struct pyb_websocket *w, int status, PyObject *headers, struct slice content)
{
	struct pyb_fields f = { .n = 0 };
	struct hx_header *all = NULL;
	char length[DECIMAL_MAX];
	const struct hx_header own[] = {
		{ SLICE_LIT("connection"), SLICE_LIT("close") },
		{ SLICE_LIT("content-length"), { length, decimal_put(length, content.len) } },
		{ SLICE_LIT("content-type"), SLICE_LIT("text/plain; charset=utf-8") },
	};
	size_t n_own = sizeof(own) / sizeof(own[0]), n = 0;
	int rc = fields_read(w, headers, &f, &all, n_own);

	if (rc == 0) {
		for (size_t i = n_own; i-- > 0;)
			if (!has(all + n_own, f.n, own[i].name))
				all[n_own - 1 - n++] = own[i];
		w->x->calls->answer(w->x, status, all + n_own - n, f.n + n,
		    (struct hx_piece){ .bytes = content });
		pyb_websocket_close_here(w, 1006, NULL, 0);
	}
	pyb_fields_fini(&f);
	return rc;
}

/* websocket.http.response.start. 0, or -1 with an exception set. */
int
pyb_websocket_deny_start(struct pyb_websocket *w, PyObject *message)
{
	struct pyb_module_state *st = w->app->st;
	PyObject *status = PyObject_GetItem(message, st->n_status);
	PyObject *headers = status != NULL ? pyb_asgi_get(message, st->n_headers) : NULL;
	long value = status != NULL && !PyErr_Occurred() ? PyLong_AsLong(status) : -1;

	Py_XDECREF(status);
	if (PyErr_Occurred()) {
		Py_XDECREF(headers);
		return -1;
	}
	if (value < 100 || value >= 600) {
		PyErr_Format(PyExc_RuntimeError, "Invalid HTTP status code '%ld' in response.", value);
		Py_XDECREF(headers);
		return -1;
	}
	/* An interim answer is none: the client would wait for another one. */
	w->status = value < 200 ? 500 : (int)value;
	Py_XSETREF(w->headers, headers);
	w->state = PYB_WEBSOCKET_DENYING;
	return 0;
}

/* websocket.http.response.body. 0, or -1 with an exception set. */
int
pyb_websocket_deny_body(struct pyb_websocket *w, PyObject *message)
{
	struct pyb_module_state *st = w->app->st;
	PyObject *body = PyObject_GetItem(message, st->n_body), *more = NULL;
	int again = -1, rc = -1;

	if (w->content == NULL)
		w->content = PyBytes_FromStringAndSize(NULL, 0);
	if (body != NULL && w->content != NULL)
		PyBytes_Concat(&w->content, body);
	if (body != NULL && w->content != NULL)
		more = pyb_asgi_get(message, st->n_more_body);
	if (!PyErr_Occurred())
		again = more != NULL ? PyObject_IsTrue(more) : 0;
	if (again == 0 && w->x != NULL)
		rc = deny(w, w->status, w->headers, (struct slice){ PyBytes_AS_STRING(w->content),
		    (size_t)PyBytes_GET_SIZE(w->content) });
	else if (again >= 0)
		rc = 0;
	Py_XDECREF(body);
	Py_XDECREF(more);
	return rc;
}

int
pyb_websocket_deny(struct pyb_websocket *w)
{
	return deny(w, 403, NULL, SLICE_LIT(""));
}
