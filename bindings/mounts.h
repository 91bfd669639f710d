/*
 * mounts: the directories of files of a binding, mounted and of frontends, and what is known of
 * FileResponse.
 */
#ifndef BINDINGS_MOUNTS_H
#define BINDINGS_MOUNTS_H

#include <Python.h>
#include <stdbool.h>

#include "base/attr.h"
#include "files/mount.h"

struct pyb_mount {
	struct files_mount files;
	PyObject *instance;	/* of StaticFiles; borrowed from the source */
	PyObject *instead;	/* what a mounted application around it makes of its 404 and its 405,
				 * each None when that is unknown; a tuple, borrowed likewise. NULL: there
				 * is none, and `missing` and `not_allowed` count */
	bool layered;		/* layers of the user's stand between it and the application's router */
	bool checked;		/* it has looked at its directory, at its first request */
};

/* A directory for the paths below one that no route takes. */
struct pyb_frontend {
	struct slice path;	/* empty: all paths */
	size_t mount;		/* its place in `all` */
};

struct pyb_mounts {
	PyObject *source;	/* strong: the paths of the trees are its bytes; NULL: no mounts */
	PyObject *frontends_source;	/* and those of the frontends its */
	PyObject *content_type;	/* (name) -> bytes; None: it cannot be told */
	PyObject *check;	/* (instance) -> bool: has it looked at its directory? */
	PyObject *redirect;	/* (scope) -> the Response for a directory without its slash */
	PyObject *missing;	/* what FastAPI makes of StaticFiles' 404; None: unknown */
	PyObject *not_allowed;	/* and of its 405 */
	PyObject *file_response;	/* the class that C stands for; NULL: it is not known */
	PyObject *path_class;	/* whose instances may be its paths, beside str */
	PyObject *kept;		/* dict: the content types that `types` points into */
	struct pyb_mount *all;
	struct files_tree *trees;
	size_t n, n_trees;
	struct pyb_frontend *frontends;	/* in the order in which they are tried */
	size_t n_frontends;
	uint32_t *by_route;	/* 1 + the place in `all`; 0: no mount of files */
	struct files_types types;
};

/* Take the mounts of `source`, the compiler's (python/fastrapi/compile/files.py); None: there are
 * none. 0, or -1 with an exception set; call pyb_mounts_fini() in both cases. */
int pyb_mounts_init(struct pyb_mounts *m, PyObject *source, uint32_t n_routes) MUST_CHECK;
void pyb_mounts_fini(struct pyb_mounts *m);
int pyb_mounts_traverse(struct pyb_mounts *m, visitproc visit, void *arg);

/* The mount of files that a route is; NULL: it is none. */
static inline struct pyb_mount *
pyb_mounts_get(const struct pyb_mounts *m, uint32_t route)
{
	uint32_t at = m->by_route != NULL ? m->by_route[route] : 0;

	return at > 0 ? &m->all[at - 1] : NULL;
}

/* The same, where no layers of the user's stand before it but those of the application. */
static inline struct pyb_mount *
pyb_mounts_alone(const struct pyb_mounts *m, uint32_t route)
{
	struct pyb_mount *mount = pyb_mounts_get(m, route);

	return mount != NULL && !mount->layered ? mount : NULL;
}

/* The frontend that FastAPI chooses for a path, and what follows its own; NULL: none. */
struct pyb_mount *pyb_mounts_frontend(const struct pyb_mounts *m, struct slice path,
    struct slice *rest);

#endif
