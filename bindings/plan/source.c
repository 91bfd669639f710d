/*
 * source: query, cookie and form pairs, split once per request.
 *
 * Called by the rest of plan/. The rules for splitting and decoding are in http/target.c
 * and http/cookie.c; this file keeps their results. It must never decide which occurrence
 * of a name counts: params.c does.
 */
#include "bindings/plan/source.h"

#include "bindings/text.h"
#include "http/content_type.h"
#include "http/cookie.h"
#include "http/target.h"

/* Defaults of starlette's Request.form(). */
enum { FORM_MAX_FIELDS = 1000, FORM_MAX_FIELD_BYTES = 1024 * 1024 };

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
	};
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

	*src = (struct pyb_source){ .arena = arena };
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

/* Append a pair; the array doubles inside the arena. 0; -1 when there is no memory or no
 * more pairs are allowed. */
static int
pairs_add(struct arena *arena, struct pyb_pairs *pairs, size_t *cap, struct pyb_pair pair)
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
		struct pyb_pair pair;

		if (pairs->n == max_pairs || name.len + value.len > max_bytes ||
		    hx_target_query_decode(arena, name, &pair.name) < 0 ||
		    hx_target_query_decode(arena, value, &pair.value) < 0 ||
		    pairs_add(arena, pairs, &cap, pair) < 0)
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
	for (size_t i = 0; i < src->n_headers; i++)
		if (slice_equal(src->headers[i].name, SLICE_LIT("content-type")))
			return src->headers[i].value;
	return SLICE_NULL;
}

const struct pyb_pairs *
pyb_source_form(struct pyb_source *src)
{
	struct pyb_pairs *pairs = &src->form_pairs;
	struct slice type;

	if (pairs->loaded)
		return pairs;
	type = pyb_source_content_type(src);
	if (type.len > 0 && !hx_content_type_form(type))
		return NULL;
	return pairs_load(src->arena, type.len > 0 ? src->content : SLICE_NULL, pairs,
	    FORM_MAX_FIELDS, FORM_MAX_FIELD_BYTES);
}

PyObject *
pyb_source_form_items(struct pyb_source *src)
{
	const struct pyb_pairs *pairs = pyb_source_form(src);
	PyObject *list;

	if (pairs == NULL)
		return PyErr_NoMemory();
	list = PyList_New((Py_ssize_t)pairs->n);
	for (size_t i = 0; list != NULL && i < pairs->n; i++) {
		const struct pyb_pair *pair = &pairs->all[i];
		PyObject *item = Py_BuildValue("(s#s#)", pair->name.ptr,
		    (Py_ssize_t)pair->name.len, pair->value.ptr, (Py_ssize_t)pair->value.len);

		if (item == NULL)
			Py_CLEAR(list);
		else
			PyList_SET_ITEM(list, (Py_ssize_t)i, item);
	}
	return list;
}

/* The text of an object that is a str and of no derived class. */
static int
exact_slice(PyObject *o, struct slice *out)
{
	return PyUnicode_CheckExact(o) ? pyb_text_slice(o, out) : -1;
}

int
pyb_source_form_data(struct pyb_source *src, PyObject *form, PyObject *n_list)
{
	PyObject *list = PyObject_GetAttr(form, n_list);
	struct pyb_pairs *pairs = &src->form_pairs;
	size_t cap = 0;
	int rc = list != NULL && PyList_CheckExact(list) ? 0 : -1;

	for (Py_ssize_t i = 0; rc == 0 && i < PyList_GET_SIZE(list); i++) {
		PyObject *item = PyList_GET_ITEM(list, i);
		struct pyb_pair pair;

		if (!PyTuple_CheckExact(item) || PyTuple_GET_SIZE(item) != 2 ||
		    exact_slice(PyTuple_GET_ITEM(item, 0), &pair.name) < 0 ||
		    exact_slice(PyTuple_GET_ITEM(item, 1), &pair.value) < 0)
			rc = -1;
		else
			rc = pairs_add(src->arena, pairs, &cap, pair);
	}
	pairs_end(pairs, rc == 0);
	Py_XDECREF(list);
	PyErr_Clear();
	return rc;
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
			    pairs_add(src->arena, pairs, &cap, pair) < 0)
				return pairs_end(pairs, false);
		}
	}
	return pairs_end(pairs, true);
}
