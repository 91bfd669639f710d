/*
 * status: status lines.
 */
#ifndef HTTP_STATUS_H
#define HTTP_STATUS_H

#include "base/slice.h"

/* From now on the phrases of 413, 414, 416 and 422 are those of RFC 9110, as in
 * Python 3.13 and later. Before the first answer is written. */
void hx_status_rename(void);

/* "HTTP/1.1 200 OK\r\n" for a known status, SLICE_NULL for others (their phrase
 * is empty; see hx_status_write). Static. */
struct slice hx_status_line(int status);

/* "OK" for a known status, SLICE_NULL for others: always RFC 9110's. Static. */
struct slice hx_status_phrase(int status);

enum { HX_STATUS_LINE_MAX = 64 };

/* Write the status line of any status from 100 to 999; returns its length. */
size_t hx_status_write(char out[HX_STATUS_LINE_MAX], int status);

#endif
