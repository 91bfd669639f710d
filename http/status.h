/*
 * status: status lines.
 */
#ifndef HTTP_STATUS_H
#define HTTP_STATUS_H

#include "base/slice.h"

/* Write the phrases of 413, 414, 416 and 422 as in RFC 9110 and as Python does from 3.13
 * on. For the whole process; before the first answer. */
void hx_status_rename(void);

/* "OK": the phrase of a status with a row, as in RFC 9110. Static text. SLICE_NULL for
 * others. */
struct slice hx_status_phrase(int status);

enum { HX_STATUS_LINE_MAX = 64 };

/* Write "HTTP/1.1 200 OK\r\n" for any status from 100 to 999; returns its length. The
 * phrase of a status without a row is empty, as uvicorn's. */
size_t hx_status_write(char out[HX_STATUS_LINE_MAX], int status);

#endif
