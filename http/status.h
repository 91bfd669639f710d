/*
 * status: status lines.
 */
#ifndef HTTP_STATUS_H
#define HTTP_STATUS_H

#include "base/slice.h"

/* From now on the phrases of 413, 414, 416 and 422 are those of RFC 9110, as in
 * Python 3.13 and later. Before the first answer is written. */
void hx_status_rename(void);

/* "OK" for a known status, SLICE_NULL for others: always RFC 9110's. Static. */
struct slice hx_status_phrase(int status);

enum { HX_STATUS_LINE_MAX = 64 };

/* Write "HTTP/1.1 200 OK\r\n" for any status from 100 to 999; returns its length. The
 * phrase of a status without a row is empty, as uvicorn's. */
size_t hx_status_write(char out[HX_STATUS_LINE_MAX], int status);

#endif
