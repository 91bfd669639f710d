/*
 * options: the parameters of a Content-Type or Content-Disposition, as python-multipart's
 * parse_options_header() reads them.
 *
 * It takes more than RFC 9110 section 5.6.6 allows: anything between semicolons that are not
 * inside quotes, whatever is around the equals sign.
 */
#ifndef HTTP_OPTIONS_H
#define HTTP_OPTIONS_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/slice.h"

/* What stands before the parameters, without the blanks around it, in its own case. */
struct slice hx_options_kind(struct slice value);

/* The parameter of that name, in lower case, the last one when there are several: *out is in
 * the arena, or in `value` itself. `ptr` is NULL when there is none. Of a file's name a path
 * in Windows' manner is left out when `is_filename`. 0, or -1 when out of memory. */
int hx_options_get(struct arena *a, struct slice value, struct slice name, bool is_filename,
    struct slice *out) MUST_CHECK;

#endif
