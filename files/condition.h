/*
 * condition: has the client this version of a file already?
 */
#ifndef FILES_CONDITION_H
#define FILES_CONDITION_H

#include "base/attr.h"
#include "files/stamp.h"

enum files_condition {
	FILES_CHANGED,		/* or nobody asks */
	FILES_UNCHANGED,	/* 304 */
	FILES_CHANGE_UNSURE	/* the client's date is for Python to read */
};

/* As Starlette's StaticFiles.is_not_modified(). A field that the request has not is
 * SLICE_NULL. */
enum files_condition files_condition_look(struct slice if_none_match,
    struct slice if_modified_since, const struct files_stamp *stamp) MUST_CHECK;

/* As Starlette's FileResponse._should_use_range(): may ranges be sent of the file that
 * has this Last-Modified and ETag? */
bool files_condition_ranges(struct slice if_range, struct slice modified, struct slice etag)
    MUST_CHECK;

#endif
