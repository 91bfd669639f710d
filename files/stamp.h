/*
 * stamp: what an answer's fields say of a version of a file.
 */
#ifndef FILES_STAMP_H
#define FILES_STAMP_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/slice.h"
#include "http/date.h"
#include "http/exchange.h"

enum { FILES_ETAG_LEN = 34 };

struct files_stamp {
	char etag[FILES_ETAG_LEN];		/* with its quotes, without a NUL */
	char modified[HX_DATE_ROOM];		/* with a NUL */
};

/* The ETag and Last-Modified that Starlette gives an open file. False for a time so far from
 * today that they are not made here. */
bool files_stamp_make(struct files_stamp *stamp, const struct hx_file *file) MUST_CHECK;

static inline struct slice
files_stamp_etag(const struct files_stamp *stamp)
{
	return (struct slice){ stamp->etag, sizeof(stamp->etag) };
}

static inline struct slice
files_stamp_modified(const struct files_stamp *stamp)
{
	return (struct slice){ stamp->modified, HX_DATE_ROOM - 1 };
}

#endif
