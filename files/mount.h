/*
 * mount: directories below a path of the application, as Starlette's StaticFiles and FastAPI's
 * frontends serve them.
 */
#ifndef FILES_MOUNT_H
#define FILES_MOUNT_H

#include "base/attr.h"
#include "files/reply.h"
#include "files/tree.h"
#include "files/types.h"

/* What is sent in the place of a file that is not there, in html mode. The last three are those of
 * FastAPI's frontends. */
enum files_fallback {
	FILES_FALL_PLAIN,	/* 404.html, whatever the client has; StaticFiles */
	FILES_FALL_AUTO,	/* 404.html, else index.html */
	FILES_FALL_MISSING,	/* 404.html, which is there */
	FILES_FALL_INDEX,	/* index.html, which is there, to who navigates */
	FILES_FALL_NONE
};

struct files_mount {
	struct files_tree *trees;	/* in the order in which they are searched */
	size_t n_trees;
	bool html;
	enum files_fallback fallback;
	struct files_types *types;	/* borrowed */
};

enum files_verdict {
	FILES_REPLY,		/* the reply was made */
	FILES_MISSING,		/* HTTPException(404) */
	FILES_NOT_ALLOWED,	/* HTTPException(405), with Allow: GET, HEAD */
	FILES_REDIRECT,		/* to the same path with a slash behind */
	FILES_LEFT		/* StaticFiles itself must answer */
};

/* The answer to q, whose path continues with `rest` behind the mount's. The caller drops a
 * reply that was made. */
enum files_verdict files_mount_look(const struct files_mount *mount, const struct files_asked *q,
    struct slice rest, struct files_reply *r) MUST_CHECK;

#endif
