/*
 * kept: other forms of files, such as compressed ones, that need not be made again.
 */
#ifndef MIDDLEWARE_KEPT_H
#define MIDDLEWARE_KEPT_H

#include "base/attr.h"
#include "http/exchange.h"

enum {
	MW_KEPT_MAX = 256,		/* forms */
	MW_KEPT_BYTES = 64 * 1024	/* of each */
};

struct mw_kept;

/* NULL when out of memory. */
struct mw_kept *mw_kept_new(void) MUST_CHECK;
void mw_kept_free(struct mw_kept *kept);

/* The form of this version of the file. ptr NULL in bytes: it is not kept. The piece is to be
 * released, and may outlive `kept`. */
struct hx_piece mw_kept_get(struct mw_kept *kept, const struct hx_file *file) MUST_CHECK;

/* Keep a copy of `form` if it can be told by its file's times when it is no longer true. */
void mw_kept_put(struct mw_kept *kept, const struct hx_file *file, struct slice form);

#endif
