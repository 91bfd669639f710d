/*
 * kept: other forms of files, such as compressed ones, that need not be made again.
 */
#ifndef MIDDLEWARE_KEPT_H
#define MIDDLEWARE_KEPT_H

#include "base/attr.h"
#include "http/exchange.h"

enum {
	MW_KEPT_MAX = 256,		/* forms */
	MW_KEPT_BYTES = 256 * 1024,	/* of each */
	MW_KEPT_BYTES_ALL = 16 * 1024 * 1024
};

struct mw_kept;

/* NULL when out of memory. */
struct mw_kept *mw_kept_new(void) MUST_CHECK;
void mw_kept_free(struct mw_kept *kept);

/* The form of this version of the file. ptr NULL in bytes: it is not kept. The piece is to be
 * released, and may outlive `kept`. */
struct hx_piece mw_kept_get(struct mw_kept *kept, const struct hx_file *file) MUST_CHECK;

/* Is the form of this version of the file kept? */
bool mw_kept_has(const struct mw_kept *kept, const struct hx_file *file);

/* Can it be told by the file's times when a form of it is no longer true? */
bool mw_kept_may(const struct hx_file *file);

/* Keep a copy of `form` if that can be told, and if it is not too long. */
void mw_kept_put(struct mw_kept *kept, const struct hx_file *file, struct slice form);

#endif
