/*
 * cookie: request cookies as Starlette reads them.
 *
 * starlette.requests.cookie_parser (itself Django's) on the latin-1 text of a
 * Cookie field; unquoting is CPython's http.cookies._unquote, whose quick
 * version (CVE-2024-7592) gives what the slow one gave.
 */
#ifndef HTTP_COOKIE_H
#define HTTP_COOKIE_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/arena.h"
#include "base/slice.h"

/* The next name and (quoted) value; chunks without both are skipped. */
bool hx_cookie_next(struct slice *rest, struct slice *name, struct slice *value);

/* Latin-1 text of a value; `raw` itself when it is not quoted. 0 or -1 (memory). */
int hx_cookie_unquote(struct arena *a, struct slice raw, struct slice *out) MUST_CHECK;

#endif
