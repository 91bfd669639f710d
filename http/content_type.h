/*
 * content_type: is this content plainly JSON, plainly a form?
 */
#ifndef HTTP_CONTENT_TYPE_H
#define HTTP_CONTENT_TYPE_H

#include <stdbool.h>

#include "base/slice.h"

/* Is it application/json or application/<...>+json, with no parameters but token=token?
 * False also for unusual spellings that Python's email.message would take for JSON; the
 * caller leaves them to Python. */
bool hx_content_type_json(struct slice value);

/* Is it application/x-www-form-urlencoded, with any parameters? */
bool hx_content_type_form(struct slice value);

#endif
