/*
 * messages: http.response.start and http.response.body.
 *
 * Called by give.c, by chunks.c, by phases.c (phase SEND), by pieces.c and by stack/. Keys, types
 * and their order are those of Starlette's Response.__call__, because layers of the user's look at
 * messages and change them. The list of fields must therefore be a list of the answer's own.
 */
#include "bindings/plan/messages.h"

#include "base/decimal.h"
#include "base/must.h"
#include "bindings/compat.h"

PyObject *
pyb_messages_new(struct pyb_module_state *st, PyObject *type, PyObject *key, PyObject *value,
    PyObject *key2, PyObject *value2)
{
	PyObject *message = PyDict_New();

	if (message != NULL && (PyDict_SetItem(message, st->n_type, type) < 0 ||
	    PyDict_SetItem(message, key, value) < 0 ||
	    (key2 != NULL && PyDict_SetItem(message, key2, value2) < 0)))
		Py_CLEAR(message);
	Py_XDECREF(value);
	Py_XDECREF(value2);
	return message;
}

int
pyb_messages_fill(struct pyb_module_state *st, struct pyb_messages *m, PyObject *status,
    PyObject *fields, PyObject *content)
{
	must(m->start == NULL && m->body == NULL);
	m->start = pyb_messages_new(st, st->t_http_response_start, st->n_status, status,
	    st->n_headers, fields);
	if (m->start == NULL) {
		Py_XDECREF(content);
		return -1;
	}
	m->body = pyb_messages_new(st, st->t_http_response_body, st->n_body, content, NULL, NULL);
	if (m->body != NULL)
		return 0;
	Py_CLEAR(m->start);
	return -1;
}

/* The fields of JSON of this length, then those of the injected Response (NULL: none). New
 * reference; NULL with an exception set. */
static PyObject *
fields_json(struct pyb_module_state *st, size_t len, PyObject *injected)
{
	char digits[DECIMAL_MAX];
	PyObject *raw = NULL, *length, *fields;

	length = PyBytes_FromStringAndSize(digits, (Py_ssize_t)decimal_put(digits, len));
	fields = length != NULL ? PyList_New(2) : NULL;
	if (fields == NULL) {
		Py_XDECREF(length);
		return NULL;
	}
	PyList_SET_ITEM(fields, 0, PyTuple_Pack(2, st->content_length, length));
	PyList_SET_ITEM(fields, 1, Py_NewRef(st->content_type_json));
	Py_DECREF(length);
	if (PyList_GET_ITEM(fields, 0) == NULL)
		Py_CLEAR(fields);
	if (fields == NULL || injected == NULL)
		return fields;
	raw = PyObject_GetAttr(injected, st->n_raw_headers);
	if (raw == NULL || PyList_SetSlice(fields, 2, 2, raw) < 0)
		Py_CLEAR(fields);
	Py_XDECREF(raw);
	return fields;
}

/* 0, or -1 with an exception set. */
static int
of_json(struct pyb_run *r, const struct pyb_result_json *json, PyObject *injected)
{
	size_t len = json->bytes != NULL ? (size_t)PyBytes_GET_SIZE(json->bytes) :
	    json->text.len;
	PyObject *content = json->bytes != NULL ? Py_NewRef(json->bytes) :
	    PyBytes_FromStringAndSize(json->text.ptr, (Py_ssize_t)len);
	PyObject *fields = content != NULL ? fields_json(r->app->st, len, injected) : NULL;
	PyObject *status = fields != NULL ? PyLong_FromLong(json->status) : NULL;

	pyb_json_trim(&r->app->json);
	if (status == NULL) {
		Py_XDECREF(content);
		Py_XDECREF(fields);
		return -1;
	}
	return pyb_messages_fill(r->app->st, &r->messages, status, fields, content);
}

/* The messages of a plain Response: whatever its attributes are now. `shared`: with a list of
 * fields of their own. 0, or -1 with an exception set. */
static int
of_response(struct pyb_module_state *st, struct pyb_messages *m, PyObject *response,
    bool shared)
{
	PyObject *status = PyObject_GetAttr(response, st->n_status_code);
	PyObject *raw = status != NULL ? PyObject_GetAttr(response, st->n_raw_headers) : NULL;
	PyObject *body;

	if (raw != NULL && shared)
		Py_SETREF(raw, pyb_compat_list(raw));
	body = raw != NULL ? PyObject_GetAttr(response, st->n_body) : NULL;
	if (body == NULL) {
		Py_XDECREF(status);
		Py_XDECREF(raw);
		return -1;
	}
	return pyb_messages_fill(st, m, status, raw, body);
}

int
pyb_messages_shared(struct pyb_module_state *st, struct pyb_messages *m, PyObject *response)
{
	return of_response(st, m, response, true);
}

enum pyb_result_verdict
pyb_messages_result(struct pyb_run *r, PyObject **response)
{
	struct pyb_result_json json;
	enum pyb_result_verdict verdict = pyb_result_json(r, &json);

	*response = NULL;
	if (verdict == PYB_RESULT_SENT)
		return of_json(r, &json, r->response) < 0 ? PYB_RESULT_ERROR : PYB_RESULT_SENT;
	if (verdict == PYB_RESULT_ERROR || (*response = pyb_result_response(r)) == NULL)
		return PYB_RESULT_ERROR;
	if (!pyb_messages_response(r, *response))
		return PYB_RESULT_RESPONSE;
	Py_CLEAR(*response);
	return PYB_RESULT_SENT;
}

bool
pyb_messages_response(struct pyb_run *r, PyObject *response)
{
	struct pyb_module_state *st = r->app->st;
	bool made = pyb_result_is_plain(st, response) &&
	    of_response(st, &r->messages, response, false) == 0;

	PyErr_Clear();
	return made;
}

bool
pyb_messages_json(struct pyb_run *r, PyObject *content, int status)
{
	struct pyb_result_json json = { .status = status };
	bool made;

	if (pyb_json_encode(&r->app->json, content) != PYB_JSON_OK)
		return false;
	json.text = (struct slice){ r->app->json.bytes, r->app->json.len };
	made = of_json(r, &json, NULL) == 0;
	PyErr_Clear();
	return made;
}

enum pyb_coro_verdict
pyb_messages_send(struct pyb_messages *m, PyObject *send, PyObject *value, PyObject **out)
{
	PyObject **next = m->start != NULL ? &m->start : &m->body, *message = *next;

	*out = NULL;
	if (value == NULL || message == NULL)
		return value == NULL ? PYB_CORO_ERROR : PYB_CORO_RETURN;
	*next = NULL;
	*out = PyObject_CallOneArg(send, message);
	Py_DECREF(message);
	return *out != NULL ? PYB_CORO_AWAIT : PYB_CORO_ERROR;
}
