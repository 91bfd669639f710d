/*
 * mount: directories below a path of the application, as Starlette's StaticFiles serves them.
 */
#ifndef FILES_MOUNT_H
#define FILES_MOUNT_H

#include "base/attr.h"
#include "files/tree.h"
#include "files/types.h"
#include "http/exchange.h"

struct files_mount {
	struct files_tree *trees;	/* in the order in which they are searched */
	size_t n_trees;
	bool html;
	struct files_types *types;	/* borrowed */
};

enum files_verdict {
	FILES_ANSWERED,
	FILES_MISSING,		/* HTTPException(404) */
	FILES_NOT_ALLOWED,	/* HTTPException(405), with Allow: GET, HEAD */
	FILES_REDIRECT,		/* to the same path with a slash behind */
	FILES_LEFT		/* nothing was sent; StaticFiles itself must answer */
};

/* Answer x, whose path continues with `rest` behind the mount's. */
enum files_verdict files_mount_answer(const struct files_mount *mount, struct hx_exchange *x,
    struct slice rest) MUST_CHECK;

#endif
