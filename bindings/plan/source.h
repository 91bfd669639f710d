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
#include "bindings/module_state.h"
#include "http/exchange.h"

struct pyb_pair {
	struct slice name, value;	/* decoded; query and form: UTF-8, cookies: latin-1; the
					 * value of a multipart form perhaps either */
	PyObject *file;			/* a form's UploadFile, borrowed; NULL: a text. `value` is
					 * its content, if it is known. */
	bool empty;			/* a file of no name and no content: none was chosen */
};

struct pyb_pairs {
	struct pyb_pair *all;
	size_t n;
	bool loaded;
};

/* What a form may have at most. */
struct pyb_form_limits {
	Py_ssize_t files, fields, part_bytes;
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
	bool form_typed;		/* Starlette has read the content for form_pairs */
	struct pyb_form_limits limits;
	/* Of a multipart form. */
	struct pyb_module_state *st;	/* NULL: the plan does not read it */
	PyObject *files;		/* strong: list of those that the pairs name, or NULL */
	PyObject *items;		/* strong: of pyb_source_leave() */
};

/* Read from an exchange. Copies nothing. */
void pyb_source_exchange(struct pyb_source *src, struct hx_exchange *x);

/* Take the limits of forms from a tuple of three numbers. 0, or -1 with an exception set. */
int pyb_source_limit(struct pyb_source *src, PyObject *limits) MUST_CHECK;

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
 * urlencoded form, or of a multipart form; no pairs when there is no content-type. NULL (no
 * exception is set) when there is no memory, when the content-type is another one, or when
 * the form exceeds its limits. */
const struct pyb_pairs *pyb_source_form(struct pyb_source *src) MUST_CHECK;

/* A text of a form: UTF-8, or latin-1 where it is none, as Starlette reads the parts of a
 * multipart form. New reference; NULL with an exception set. */
PyObject *pyb_source_form_text(struct slice s) MUST_CHECK;

/* The same fields as a new list of (name, value); NULL with an exception set. */
PyObject *pyb_source_form_items(struct pyb_source *src) MUST_CHECK;

/* What was read from is about to go: keep what pyb_source_form_items() gives, if files are
 * among it. Nothing else may be read afterwards. */
void pyb_source_leave(struct pyb_source *src);

/* Take the fields from a starlette FormData, which must stay alive while the source is
 * used. 0, or 1 when files are among them; -1 when one is neither text nor file, or there
 * are too many (no exception is set). */
int pyb_source_form_data(struct pyb_source *src, PyObject *form, struct pyb_module_state *st)
    MUST_CHECK;

/* Append a pair; the array of *cap pairs doubles inside the arena. 0; -1 when there is no
 * memory or no more pairs are allowed. */
int pyb_source_add(struct arena *arena, struct pyb_pairs *pairs, size_t *cap,
    struct pyb_pair pair) MUST_CHECK;

enum { PYB_MAX_PAIRS = 1024 };

#endif
