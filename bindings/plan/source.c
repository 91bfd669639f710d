/*
 * source: query, cookie and form pairs, split once per request.
 *
 * Called by the rest of plan/ and by stack/. The rules for splitting and decoding are in
 * http/target.c and http/cookie.c; this file keeps their results. It must never decide
 * which occurrence of a name counts: params.c does.
 */
#include "bindings/plan/source.h"

#include "bindings/plan/upload.h"
#include "bindings/text.h"
#include "http/content_type.h"
#include "http/cookie.h"
#include "http/options.h"
#include "http/target.h"

/* Starlette's own, of Request.form(). */
static const struct pyb_form_limits usual_limits = {
	.files = 1000, .fields = 1000, .part_bytes = 1024 * 1024
};

void
pyb_source_exchange(struct pyb_source *src, struct hx_exchange *x)
{
	*src = (struct pyb_source){
		.arena = &x->arena,
		.headers = x->req.headers,
		.n_headers = x->req.n_headers,
		.query = x->req.query,
		.params = x->params,
		.n_params = x->n_params,
		.content = { x->content.data, x->content.len },
		.limits = usual_limits,
	};
}

int
pyb_source_limit(struct pyb_source *src, PyObject *limits)
{
	struct pyb_form_limits *l = &src->limits;

	if (!PyTuple_Check(limits)) {
		PyErr_SetString(PyExc_TypeError, "the limits of a form are a tuple");
		return -1;
	}
	return PyArg_ParseTuple(limits, "nnn", &l->files, &l->fields, &l->part_bytes) ? 0 : -1;
}

static int
bytes_slice(PyObject *o, struct slice *out)
{
	if (o == NULL || !PyBytes_CheckExact(o))
		return -1;
	*out = (struct slice){ PyBytes_AS_STRING(o), (size_t)PyBytes_GET_SIZE(o) };
	return 0;
}

int
pyb_source_scope(struct pyb_source *src, PyObject *scope, struct arena *arena,
    PyObject *n_headers, PyObject *n_query)
{
	PyObject *list = PyDict_GetItemWithError(scope, n_headers);
	PyObject *query = PyDict_GetItemWithError(scope, n_query);
	struct hx_header *headers;
	Py_ssize_t n;

	*src = (struct pyb_source){ .arena = arena, .limits = usual_limits };
	if (list == NULL || !PyList_CheckExact(list) || bytes_slice(query, &src->query) < 0)
		goto odd;
	n = PyList_GET_SIZE(list);
	if (n > 4 * HX_MAX_HEADERS)
		goto odd;
	headers = arena_alloc(arena, (size_t)n * sizeof(*headers));
	if (headers == NULL)
		goto odd;
	for (Py_ssize_t i = 0; i < n; i++) {
		PyObject *pair = PyList_GET_ITEM(list, i);

		if (!PyTuple_CheckExact(pair) || PyTuple_GET_SIZE(pair) != 2 ||
		    bytes_slice(PyTuple_GET_ITEM(pair, 0), &headers[i].name) < 0 ||
		    bytes_slice(PyTuple_GET_ITEM(pair, 1), &headers[i].value) < 0)
			goto odd;
	}
	src->headers = headers;
	src->n_headers = (size_t)n;
	return 0;
odd:
	PyErr_Clear();
	return -1;
}

int
pyb_source_add(struct arena *arena, struct pyb_pairs *pairs, size_t *cap, struct pyb_pair pair)
{
	if (pairs->n == PYB_MAX_PAIRS)
		return -1;
	if (pairs->n == *cap) {
		size_t grown = *cap == 0 ? 8 : *cap * 2;
		struct pyb_pair *all = arena_alloc(arena, grown * sizeof(*all));

		if (all == NULL)
			return -1;
		if (pairs->n > 0)
			memcpy(all, pairs->all, pairs->n * sizeof(*all));
		pairs->all = all;
		*cap = grown;
	}
	pairs->all[pairs->n++] = pair;
	return 0;
}

/* All pairs were read, or a fault was found (!ok), which drops the pairs before it. */
static const struct pyb_pairs *
pairs_end(struct pyb_pairs *pairs, bool ok)
{
	if (!ok)
		*pairs = (struct pyb_pairs){ 0 };
	pairs->loaded = ok;
	return ok ? pairs : NULL;
}

/* Split and decode an urlencoded text. A query (parse_qsl) and a form (python_multipart's
 * QuerystringParser) follow the same rules. */
static const struct pyb_pairs *
pairs_load(struct arena *arena, struct slice rest, struct pyb_pairs *pairs, size_t max_pairs,
    size_t max_bytes)
{
	struct slice name, value;
	size_t cap = 0;

	while (hx_target_query_next(&rest, &name, &value)) {
		struct pyb_pair pair = { .file = NULL };

		if (pairs->n == max_pairs || name.len + value.len > max_bytes ||
		    hx_target_query_decode(arena, name, &pair.name) < 0 ||
		    hx_target_query_decode(arena, value, &pair.value) < 0 ||
		    pyb_source_add(arena, pairs, &cap, pair) < 0)
			return pairs_end(pairs, false);
	}
	return pairs_end(pairs, true);
}

const struct pyb_pairs *
pyb_source_query(struct pyb_source *src)
{
	struct pyb_pairs *pairs = &src->query_pairs;

	return pairs->loaded ? pairs :
	    pairs_load(src->arena, src->query, pairs, PYB_MAX_PAIRS, SIZE_MAX);
}

struct slice
pyb_source_content_type(const struct pyb_source *src)
{
	return hx_exchange_header_value(src->headers, src->n_headers, SLICE_LIT("content-type"));
}

const struct pyb_pairs *
pyb_source_form(struct pyb_source *src)
{
	struct pyb_pairs *pairs = &src->form_pairs;
	struct slice type;

	if (pairs->loaded)
		return pairs;
	type = pyb_source_content_type(src);
	src->form_typed = type.len > 0;
	if (type.len > 0 && !hx_content_type_form(type))
		return src->st == NULL ? NULL :
		    pairs_end(pairs, pyb_upload_load(src, type, pairs) == 0);
	return pairs_load(src->arena, type.len > 0 ? src->content : SLICE_NULL, pairs,
	    (size_t)src->limits.fields, (size_t)src->limits.part_bytes);
}

PyObject *
pyb_source_form_text(struct slice s)
{
	PyObject *text = pyb_text_utf8(s);

	if (text != NULL || !PyErr_ExceptionMatches(PyExc_UnicodeDecodeError))
		return text;
	PyErr_Clear();
	return pyb_text_latin1(s);
}

PyObject *
pyb_source_form_items(struct pyb_source *src)
{
	const struct pyb_pairs *pairs;
	PyObject *list;

	if (src->items != NULL)
		return Py_NewRef(src->items);
	pairs = pyb_source_form(src);
	if (pairs == NULL)
		return PyErr_NoMemory();
	list = PyList_New((Py_ssize_t)pairs->n);
	for (size_t i = 0; list != NULL && i < pairs->n; i++) {
		const struct pyb_pair *pair = &pairs->all[i];
		PyObject *item = Py_BuildValue("(NN)", pyb_text_utf8(pair->name),
		    pair->file != NULL ? Py_NewRef(pair->file) :
		    pyb_source_form_text(pair->value));

		if (item == NULL)
			Py_CLEAR(list);
		else
			PyList_SET_ITEM(list, (Py_ssize_t)i, item);
	}
	return list;
}

void
pyb_source_leave(struct pyb_source *src)
{
	if (src->files != NULL && (src->items = pyb_source_form_items(src)) == NULL)
		PyErr_Clear();
	src->form_pairs = (struct pyb_pairs){ 0 };
	src->st = NULL;
	src->content = SLICE_NULL;
}

/* The text of an object that is a str and of no derived class. */
static int
exact_slice(PyObject *o, struct slice *out)
{
	return PyUnicode_CheckExact(o) ? pyb_text_slice(o, out) : -1;
}

/* Is it an UploadFile of no name and no content? -1 with an exception set. */
static int
file_is_empty(PyObject *file, struct pyb_module_state *st)
{
	PyObject *name = PyObject_GetAttr(file, st->n_filename);
	PyObject *size = PyObject_GetAttr(file, st->n_size);
	int rc = -1;

	if (name != NULL && size != NULL)
		rc = PyUnicode_CheckExact(name) && PyUnicode_GET_LENGTH(name) == 0 &&
		    PyLong_CheckExact(size) && PyObject_Not(size);
	Py_XDECREF(name);
	Py_XDECREF(size);
	return rc;
}

/* A text or a file of a form. 0, 1 for a file; -1: neither. */
static int
form_value(PyObject *value, struct pyb_module_state *st, struct pyb_pair *pair)
{
	int empty;

	if (Py_TYPE(value) != (PyTypeObject *)st->upload_class)
		return exact_slice(value, &pair->value);
	empty = file_is_empty(value, st);
	pair->file = value;
	pair->empty = empty > 0;
	return empty < 0 ? -1 : 1;
}

int
pyb_source_form_data(struct pyb_source *src, PyObject *form, struct pyb_module_state *st)
{
	PyObject *list = PyObject_GetAttr(form, st->n__list);
	struct pyb_pairs *pairs = &src->form_pairs;
	size_t cap = 0;
	struct slice type;
	bool files = false;
	int rc = list != NULL && PyList_CheckExact(list) ? 0 : -1;

	for (Py_ssize_t i = 0; rc == 0 && i < PyList_GET_SIZE(list); i++) {
		PyObject *item = PyList_GET_ITEM(list, i);
		struct pyb_pair pair = { SLICE_NULL, SLICE_NULL, NULL, false };
		int is_file = -1;

		if (PyTuple_CheckExact(item) && PyTuple_GET_SIZE(item) == 2 &&
		    exact_slice(PyTuple_GET_ITEM(item, 0), &pair.name) == 0)
			is_file = form_value(PyTuple_GET_ITEM(item, 1), st, &pair);
		rc = is_file < 0 ? -1 : pyb_source_add(src->arena, pairs, &cap, pair);
		files = files || is_file > 0;
	}
	pairs_end(pairs, rc == 0);
	type = pyb_source_content_type(src);
	src->form_typed = hx_content_type_form(type) ||
	    slice_equal_lower(hx_options_kind(type), SLICE_LIT("multipart/form-data"));
	Py_XDECREF(list);
	PyErr_Clear();
	return rc < 0 ? -1 : files;
}

const struct pyb_pairs *
pyb_source_cookies(struct pyb_source *src)
{
	struct pyb_pairs *pairs = &src->cookie_pairs;
	size_t cap = 0;

	if (pairs->loaded)
		return pairs;
	for (size_t i = 0; i < src->n_headers; i++) {
		struct slice rest = src->headers[i].value, name, value;

		if (!slice_equal(src->headers[i].name, SLICE_LIT("cookie")))
			continue;
		while (hx_cookie_next(&rest, &name, &value)) {
			struct pyb_pair pair = { .name = name };

			if (hx_cookie_unquote(src->arena, value, &pair.value) < 0 ||
			    pyb_source_add(src->arena, pairs, &cap, pair) < 0)
				return pairs_end(pairs, false);
		}
	}
	return pairs_end(pairs, true);
}
