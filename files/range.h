/*
 * range: which parts of a file a Range field asks for, as Starlette reads it.
 *
 * It is neither as strict nor as lenient as RFC 9110 section 14.1: what Starlette ignores is
 * ignored, what it refuses is refused with its texts.
 */
#ifndef FILES_RANGE_H
#define FILES_RANGE_H

#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"

enum { FILES_MAX_RANGES = 100 };

struct files_range {
	int64_t from, to;	/* the byte behind the last */
};

struct files_ranges {
	struct files_range all[FILES_MAX_RANGES];	/* in order, none touches another */
	size_t n;
	struct slice wrong;	/* FILES_RANGE_MALFORMED: what is; static text */
};

enum files_range_verdict {
	FILES_RANGE_PARTS,	/* one range at least */
	FILES_RANGE_WHOLE,	/* too many: the whole file is sent */
	FILES_RANGE_BEYOND,	/* one begins behind the end of the file */
	FILES_RANGE_MALFORMED,
	FILES_RANGE_UNSURE	/* only Python can tell: a number is very large */
};

/* Read a Range field for a file of `size` bytes. */
enum files_range_verdict files_range_read(struct slice value, uint64_t size,
    struct files_ranges *out) MUST_CHECK;

#endif
