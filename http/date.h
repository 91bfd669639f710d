/*
 * date: the Date field's value.
 */
#ifndef HTTP_DATE_H
#define HTTP_DATE_H

#include <stdint.h>

#include "base/slice.h"

/* The owner keeps one; zeroed at first. */
struct hx_date {
	int64_t unix_s;
	char text[40];
};

/* IMF-fixdate (RFC 9110 section 5.6.7) of that second; valid until the next call
 * with another one. */
struct slice hx_date_get(struct hx_date *d, int64_t unix_s);

#endif
