/*
 * source: where a plan reads its parameters from.
 *
 * Either the exchange itself or, behind user middleware, the ASGI scope which
 * that middleware may have changed. Query and cookies are split and decoded at
 * most once, when a step first asks. All memory comes from the arena given.
 */
#ifndef BINDINGS_PLAN_SOURCE_H
#define BINDINGS_PLAN_SOURCE_H

#include <Python.h>

#include "base/arena.h"
#include "http/exchange.h"

struct pyb_pair {
	struct slice name, value;	/* decoded; query and form: UTF-8, cookies: latin-1 */
};

struct pyb_pairs {
	struct pyb_pair *all;
	size_t n;
	bool loaded;
};

struct pyb_source {
	struct arena *arena;
	const struct hx_header *headers;
	size_t n_headers;
	struct slice query;		/* undecoded */
	const struct slice *params;	/* path parameters, UTF-8 */
	size_t n_params;
	struct slice content;		/* of an exchange: the whole content */
	struct pyb_pairs query_pairs, cookie_pairs, form_pairs;
};

/* View of the request in an exchange. Nothing is copied. */
void pyb_source_exchange(struct pyb_source *v, struct hx_exchange *x);

/* View of an ASGI http scope: `scope` must stay alive and its header list
 * unchanged while the source is used. 0; -1 when the scope is not in the exact
 * form the server gives (no exception is set: the caller falls back). */
int pyb_source_scope(struct pyb_source *v, PyObject *scope, struct arena *arena,
    PyObject *st_headers_name, PyObject *st_query_name);

/* Decoded pairs in order of appearance, as starlette's QueryParams (parse_qsl
 * with blank values kept) and Request.cookies would see them. NULL when out of
 * memory or when there are more than PYB_MAX_PAIRS. */
const struct pyb_pairs *pyb_source_query(struct pyb_source *v);
const struct pyb_pairs *pyb_source_cookies(struct pyb_source *v);

/* The first content-type field; SLICE_NULL when there is none. */
struct slice pyb_source_content_type(const struct pyb_source *v);

/* Fields of the content as starlette's Request.form() gives them: none without
 * a content-type, the pairs of an urlencoded form. NULL also for content of any
 * other type and for a form beyond starlette's limits. */
const struct pyb_pairs *pyb_source_form(struct pyb_source *v);

/* The fields of the form as a new list of (name, value); NULL with an exception
 * set. */
PyObject *pyb_source_form_items(struct pyb_source *v);

/* Behind user middleware: the fields of a starlette FormData, which must stay
 * alive while the source is used. 0; -1 when it holds anything but texts (files) or
 * too much (no exception is set). `n_list` is the str "_list". */
int pyb_source_form_data(struct pyb_source *v, PyObject *form, PyObject *n_list);

enum { PYB_MAX_PAIRS = 1024 };

#endif
