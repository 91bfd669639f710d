/*
 * target: percent-decoding as Python does it.
 *
 * Applications see what urllib.parse.unquote() and parse_qsl() give them, so the rules
 * are CPython's with errors="replace", not an RFC's. A byte that is not ASCII stands for
 * its Latin-1 character: no client can send one, but middleware may put it there.
 */
#ifndef HTTP_TARGET_H
#define HTTP_TARGET_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/slice.h"

/* The byte that the percent sequence at p ("%4f") stands for; -1 when it is none. */
int hx_target_percent_value(const char *p, size_t len);

/* unquote(raw): *out is valid UTF-8, in the arena or, when there is nothing to decode, in
 * `raw` itself. 0, or -1 when out of memory. */
int hx_target_path_decode(struct arena *a, struct slice raw, struct slice *out) MUST_CHECK;

/* The same for a name or value of a query or form, where '+' stands for a blank. */
int hx_target_query_decode(struct arena *a, struct slice raw, struct slice *out) MUST_CHECK;

/* Take the next name and value, still encoded, from the front of *rest, a query or form;
 * both borrowed from it. Empty pieces are skipped, a piece without '=' has an empty
 * value. False at the end. */
bool hx_target_query_next(struct slice *rest, struct slice *name, struct slice *value);

#endif
