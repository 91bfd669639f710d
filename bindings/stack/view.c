/*
 * view: from Python objects to slices, and back.
 *
 * Called by filter.c and edit.c. What is not exactly of the expected types is refused, so that
 * nothing here runs user code. A field that no layer has touched stays the object that it was:
 * layers of the user's may compare.
 */
#include "bindings/stack/view.h"

#include "bindings/text.h"

static bool
bytes_read(PyObject *bytes, struct slice *out)
{
	if (!PyBytes_CheckExact(bytes))
		return false;
	*out = (struct slice){ PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes) };
	return true;
}

/* The fields that these pairs are, in the arena. NULL when one is no tuple of two bytes, or
 * when out of memory. */
static struct hx_header *
fields_read(PyObject *pairs, struct arena *arena)
{
	Py_ssize_t n = PyTuple_GET_SIZE(pairs);
	struct hx_header *all = arena_alloc(arena, (size_t)n * sizeof(*all));

	for (Py_ssize_t i = 0; all != NULL && i < n; i++) {
		PyObject *pair = PyTuple_GET_ITEM(pairs, i);

		if (!PyTuple_CheckExact(pair) || PyTuple_GET_SIZE(pair) != 2 ||
		    !bytes_read(PyTuple_GET_ITEM(pair, 0), &all[i].name) ||
		    !bytes_read(PyTuple_GET_ITEM(pair, 1), &all[i].value))
			return NULL;
	}
	return all;
}

/* The entry's text, kept in *keep. */
static bool
text_read(PyObject *scope, PyObject *key, PyObject **keep, struct slice *out)
{
	PyObject *text = PyDict_GetItemWithError(scope, key);

	if (text == NULL || !PyUnicode_CheckExact(text) || pyb_text_slice(text, out) < 0)
		return false;
	*keep = Py_NewRef(text);
	return true;
}

/* The address that a URL has when the client names none. One of an unusual form is not
 * known. */
static void
server_read(PyObject *server, PyObject **keep, struct mw_request *r)
{
	PyObject *host;

	r->server_known = server == NULL || server == Py_None;
	if (r->server_known || !PyTuple_CheckExact(server) || PyTuple_GET_SIZE(server) != 2)
		return;
	host = PyTuple_GET_ITEM(server, 0);
	if (!PyUnicode_CheckExact(host) || !PyUnicode_IS_ASCII(host) ||
	    PyUnicode_GET_LENGTH(host) == 0 || !PyLong_CheckExact(PyTuple_GET_ITEM(server, 1)) ||
	    pyb_text_slice(host, &r->server_host) < 0)
		return;
	r->server_port = PyLong_AsLongLong(PyTuple_GET_ITEM(server, 1));
	r->server_known = r->server_port >= 0;
	*keep = Py_NewRef(host);
}

static bool
scope_read(struct pyb_module_state *st, PyObject *scope, struct arena *arena,
    struct pyb_view *v)
{
	PyObject *list = PyDict_GetItemWithError(scope, st->n_headers);
	PyObject *query = PyDict_GetItemWithError(scope, st->n_query_string);

	if (list == NULL || !PyList_CheckExact(list) || query == NULL ||
	    !bytes_read(query, &v->r.query) ||
	    !text_read(scope, st->n_method, &v->texts[0], &v->r.method) ||
	    !text_read(scope, st->n_scheme, &v->texts[1], &v->r.scheme) ||
	    !text_read(scope, st->n_path, &v->texts[2], &v->r.path))
		return false;
	v->texts[3] = Py_NewRef(query);
	server_read(PyDict_GetItemWithError(scope, st->n_server), &v->texts[4], &v->r);
	v->fields = PyList_AsTuple(list);
	if (v->fields == NULL)
		return false;
	v->r.fields = fields_read(v->fields, arena);
	v->r.n_fields = (size_t)PyTuple_GET_SIZE(v->fields);
	return v->r.fields != NULL;
}

bool
pyb_view_open(struct pyb_module_state *st, PyObject *scope, struct arena *arena,
    struct pyb_view *v)
{
	bool has;

	*v = (struct pyb_view){ .fields = NULL };
	has = scope_read(st, scope, arena, v);
	PyErr_Clear();
	return has;
}

void
pyb_view_close(struct pyb_view *v)
{
	Py_CLEAR(v->fields);
	for (int i = 0; i < PYB_VIEW_TEXTS; i++)
		Py_CLEAR(v->texts[i]);
}

bool
pyb_view_head_read(struct pyb_module_state *st, PyObject *message, struct arena *arena,
    struct pyb_view_head *h)
{
	PyObject *list = PyDict_GetItemWithError(message, st->n_headers);
	PyObject *status = PyDict_GetItemWithError(message, st->n_status);
	struct hx_header *fields = NULL;
	int overflow = 0;
	long code = 0;

	*h = (struct pyb_view_head){ .list = NULL };
	if (status != NULL && PyLong_CheckExact(status))
		code = PyLong_AsLongAndOverflow(status, &overflow);
	if (list != NULL && PyList_CheckExact(list) && code >= 100 && code <= 999 &&
	    (h->pairs = PyList_AsTuple(list)) != NULL)
		fields = fields_read(h->pairs, arena);
	PyErr_Clear();
	if (fields == NULL || mw_answer_init(&h->answer, arena, (int)code, fields,
	    (size_t)PyTuple_GET_SIZE(h->pairs)) < 0)
		return false;
	h->list = Py_NewRef(list);
	return true;
}

void
pyb_view_head_drop(struct pyb_view_head *h)
{
	Py_CLEAR(h->list);
	Py_CLEAR(h->pairs);
}

bool
pyb_view_same(PyObject *list, PyObject *pairs)
{
	Py_ssize_t n = PyTuple_GET_SIZE(pairs);

	return PyList_GET_SIZE(list) == n && (n == 0 || memcmp(((PyListObject *)list)->ob_item,
	    ((PyTupleObject *)pairs)->ob_item, (size_t)n * sizeof(PyObject *)) == 0);
}

bool
pyb_view_head_holds(struct pyb_module_state *st, PyObject *message,
    const struct pyb_view_head *h)
{
	PyObject *list = PyDict_GetItemWithError(message, st->n_headers);

	PyErr_Clear();
	return list == h->list && pyb_view_same(list, h->pairs);
}

static bool
is_pair_of(PyObject *pair, const struct hx_header *field)
{
	return PyBytes_AS_STRING(PyTuple_GET_ITEM(pair, 0)) == field->name.ptr &&
	    PyBytes_AS_STRING(PyTuple_GET_ITEM(pair, 1)) == field->value.ptr;
}

/* The pair of a field: one of `pairs` at or behind *from, or a new one. */
static PyObject *
pair_of(const struct hx_header *field, PyObject *pairs, Py_ssize_t *from)
{
	PyObject *name, *value, *pair = NULL;

	for (Py_ssize_t i = *from; pairs != NULL && i < PyTuple_GET_SIZE(pairs); i++)
		if (is_pair_of(PyTuple_GET_ITEM(pairs, i), field)) {
			*from = i + 1;
			return Py_NewRef(PyTuple_GET_ITEM(pairs, i));
		}
	name = pyb_text_bytes(field->name);
	value = name != NULL ? pyb_text_bytes(field->value) : NULL;
	if (value != NULL)
		pair = PyTuple_Pack(2, name, value);
	Py_XDECREF(name);
	Py_XDECREF(value);
	return pair;
}

PyObject *
pyb_view_fields(const struct mw_answer *a, PyObject *pairs)
{
	PyObject *list = PyList_New((Py_ssize_t)a->n);
	Py_ssize_t from = 0;

	for (size_t i = 0; list != NULL && i < a->n; i++) {
		PyObject *pair = pair_of(&a->fields[i], pairs, &from);

		if (pair == NULL)
			Py_CLEAR(list);
		else
			PyList_SET_ITEM(list, (Py_ssize_t)i, pair);
	}
	return list;
}

int
pyb_view_head_write(struct pyb_module_state *st, PyObject *message,
    const struct pyb_view_head *h, bool replace)
{
	PyObject *fields = pyb_view_fields(&h->answer, h->pairs);
	int rc;

	if (fields == NULL)
		return -1;
	rc = replace ? PyDict_SetItem(message, st->n_headers, fields) :
	    PyList_SetSlice(h->list, 0, PyList_GET_SIZE(h->list), fields);
	Py_DECREF(fields);
	return rc;
}
