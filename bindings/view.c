/*
 * view: query and cookie pairs, split once per request.
 *
 * Called by params.c. The splitting rules live in http/target and http/cookie;
 * this room only keeps their results.
 */
#include "bindings/view.h"

#include "http/cookie.h"
#include "http/target.h"

void
pyb_view_exchange(struct pyb_view *v, struct hx_exchange *x)
{
	*v = (struct pyb_view){
		.arena = &x->arena,
		.headers = x->req.headers,
		.n_headers = x->req.n_headers,
		.query = x->req.query,
		.params = x->params,
		.n_params = x->n_params,
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
pyb_view_scope(struct pyb_view *v, PyObject *scope, struct arena *arena,
    PyObject *st_headers_name, PyObject *st_query_name)
{
	PyObject *list = PyDict_GetItemWithError(scope, st_headers_name);
	PyObject *query = PyDict_GetItemWithError(scope, st_query_name);
	struct hx_header *headers;
	Py_ssize_t n;

	*v = (struct pyb_view){ .arena = arena };
	if (list == NULL || !PyList_CheckExact(list) || bytes_slice(query, &v->query) < 0)
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
	v->headers = headers;
	v->n_headers = (size_t)n;
	return 0;
odd:
	PyErr_Clear();
	return -1;
}

/* Append a pair, growing by doubling inside the arena. */
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

const struct pyb_pairs *
pyb_view_query(struct pyb_view *v)
{
	struct pyb_pairs *pairs = &v->query_pairs;
	struct slice rest = v->query, name, value;
	size_t cap = 0;

	if (pairs->loaded)
		return pairs;
	while (hx_query_next(&rest, &name, &value)) {
		struct pyb_pair pair;

		if (hx_query_decode(v->arena, name, &pair.name) < 0 ||
		    hx_query_decode(v->arena, value, &pair.value) < 0 ||
		    pairs_add(v->arena, pairs, &cap, pair) < 0)
			return NULL;
	}
	pairs->loaded = true;
	return pairs;
}

const struct pyb_pairs *
pyb_view_cookies(struct pyb_view *v)
{
	struct pyb_pairs *pairs = &v->cookie_pairs;
	size_t cap = 0;

	if (pairs->loaded)
		return pairs;
	for (size_t i = 0; i < v->n_headers; i++) {
		struct slice rest = v->headers[i].value, name, value;

		if (!slice_equal(v->headers[i].name, SLICE_LIT("cookie")))
			continue;
		while (hx_cookie_next(&rest, &name, &value)) {
			struct pyb_pair pair = { .name = name };

			if (hx_cookie_unquote(v->arena, value, &pair.value) < 0 ||
			    pairs_add(v->arena, pairs, &cap, pair) < 0)
				return NULL;
		}
	}
	pairs->loaded = true;
	return pairs;
}
