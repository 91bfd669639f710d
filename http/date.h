/*
 * date: a date as fields spell it.
 */
#ifndef HTTP_DATE_H
#define HTTP_DATE_H

#include <stdint.h>

enum { HX_DATE_ROOM = 30 };	/* 29 bytes and a NUL */

/* Write that second as IMF-fixdate (RFC 9110 section 5.6.7), with a NUL behind. Years
 * beyond 9999 lose their first digits. */
void hx_date_write(char out[HX_DATE_ROOM], int64_t unix_s);

#endif
