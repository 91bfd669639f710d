/*
 * content_type: is this content plainly JSON, plainly a form?
 */
#ifndef HTTP_CONTENT_TYPE_H
#define HTTP_CONTENT_TYPE_H

#include <stdbool.h>

#include "base/slice.h"

/* True for application/json and application/<...>+json, with parameters of the
 * form token=token; false for everything else, however email.message would
 * read it: callers then ask Python. */
bool hx_content_type_json(struct slice value);

/* True for application/x-www-form-urlencoded with any parameters. */
bool hx_content_type_form(struct slice value);

#endif
