/*
 * source: where a plan reads its parameters from.
 *
 * A run that stands alone reads the exchange; a nested one reads the ASGI scope, which
 * user middleware may have changed. Query, cookies and form are split and decoded at
 * most once, when a step first asks for them. All memory comes from the arena, and the
 * slices are valid as long as the exchange, the scope or the form that they point into.
 */
#ifndef BINDINGS_PLAN_SOURCE_H
#define BINDINGS_PLAN_SOURCE_H

#include <Python.h>

#include "base/arena.h"
#include "base/attr.h"
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
	const struct slice *params;	/* path parameters in the template's order, UTF-8 */
	size_t n_params;
	struct slice content;		/* the whole content; empty for a scope */
	struct pyb_pairs query_pairs, cookie_pairs, form_pairs;
};

/* Read from an exchange. Copies nothing. */
void pyb_source_exchange(struct pyb_source *src, struct hx_exchange *x);

/* Read from an ASGI http scope, whose headers and query string stand under the names
 * n_headers and n_query. `scope` must stay alive and its header list unchanged while the
 * source is used. 0; -1 when the scope has not the exact form that the server gives it
 * (no exception is set). */
int pyb_source_scope(struct pyb_source *src, PyObject *scope, struct arena *arena,
    PyObject *n_headers, PyObject *n_query) MUST_CHECK;

/* Decoded pairs in order of appearance, as starlette's QueryParams (parse_qsl
 * with blank values kept) and Request.cookies give them. NULL when there is no memory
 * or more than PYB_MAX_PAIRS pairs (no exception is set). */
const struct pyb_pairs *pyb_source_query(struct pyb_source *src) MUST_CHECK;
const struct pyb_pairs *pyb_source_cookies(struct pyb_source *src) MUST_CHECK;

/* The first content-type field; SLICE_NULL when there is none. */
struct slice pyb_source_content_type(const struct pyb_source *src);

/* The fields of the content as starlette's Request.form() gives them: the pairs of an
 * urlencoded form; no pairs when there is no content-type. NULL (no exception is set) when
 * there is no memory, when the content-type is another one, or when the form exceeds
 * starlette's limits. */
const struct pyb_pairs *pyb_source_form(struct pyb_source *src) MUST_CHECK;

/* The same fields as a new list of (name, value); NULL with an exception set. */
PyObject *pyb_source_form_items(struct pyb_source *src) MUST_CHECK;

/* Take the fields from a starlette FormData, which must stay alive while the source is
 * used. `n_list` is the str "_list". 0; -1 when a field is no text (a file) or there
 * are too many (no exception is set). */
int pyb_source_form_data(struct pyb_source *src, PyObject *form, PyObject *n_list) MUST_CHECK;

enum { PYB_MAX_PAIRS = 1024 };

#endif
