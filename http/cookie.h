/*
 * cookie: request cookies as Starlette reads them.
 *
 * Splits as starlette.requests.cookie_parser, which is Django's, and unquotes as
 * CPython's http.cookies._unquote. All text is Latin-1, one byte a character.
 */
#ifndef HTTP_COOKIE_H
#define HTTP_COOKIE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/slice.h"

/* Take the next name and value, not yet unquoted, from the front of *rest; both borrowed
 * from it. A piece with neither is skipped. False at the end. */
bool hx_cookie_next(struct slice *rest, struct slice *name, struct slice *value);

/* Unquote a value: *out is in the arena or, when there is nothing to unquote, in `raw`
 * itself. 0, or -1 when out of memory. */
int hx_cookie_unquote(struct arena *a, struct slice raw, struct slice *out) MUST_CHECK;

#endif
