/*
 * target: percent-decoding as Python does it.
 *
 * Applications see what urllib.parse.unquote and parse_qsl give, so these rules
 * are CPython's (errors="replace"), not an RFC's. Bytes that are not ASCII stand
 * for Latin-1 characters; a client cannot send them, middleware may.
 */
#ifndef HTTP_TARGET_H
#define HTTP_TARGET_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/arena.h"
#include "base/slice.h"

/* Value of the percent sequence at p ("%4f"), -1 when it is none. */
int hx_target_percent_value(const char *p, size_t len);

/* unquote(raw): valid UTF-8 in *out, which is `raw` itself when nothing had to be
 * decoded. 0, or -1 when out of memory. */
int hx_target_path_decode(struct arena *a, struct slice raw, struct slice *out) MUST_CHECK;

/* The same with '+' for a blank, as parse_qsl does for names and values. */
int hx_target_query_decode(struct arena *a, struct slice raw, struct slice *out) MUST_CHECK;

/* The next name and value (undecoded) of a query string, in order; empty pieces
 * are skipped, a missing '=' gives an empty value. False at the end. */
bool hx_target_query_next(struct slice *rest, struct slice *name, struct slice *value);

#endif
