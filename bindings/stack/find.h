/*
 * find: the plan of a request that layers of the user's have passed on.
 */
#ifndef BINDINGS_STACK_FIND_H
#define BINDINGS_STACK_FIND_H

#include <Python.h>

#include "base/attr.h"
#include "bindings/plan/router.h"
#include "bindings/stack/within.h"
#include "shm/route.h"

struct pyb_found {
	const struct shm_plan *plan;	/* or NULL */
	enum pyb_router_verdict verdict;	/* without a plan: what the router answers; UNSURE: the
					 * next application does */
	uint32_t route;			/* that does not allow the method */
	PyObject *layers;		/* without a plan: those of a mounted application that the request
					 * goes to, or NULL; borrowed from the place */
	uint32_t inside;		/* the mount whose application answers as `verdict` says; SHM_NONE:
					 * the router does */
	struct pyb_mount *mount;	/* without a plan: the files that the path is below, or NULL */
	PyObject *place;		/* borrowed from the Within's places */
	PyObject *path;			/* borrowed from the scope */
	struct slice params[SHM_MAX_PARAMS];	/* they point into `path` */
	unsigned n_params;
};

/* Look for the plan of the request that `scope` describes now. It is found only while
 * nothing stands in its way: another scope than the server makes, a foreign loop, an
 * application that has changed. Memory comes from `arena`. Leaves no exception. */
void pyb_find_plan(struct pyb_within *w, PyObject *scope, struct arena *arena,
    struct pyb_found *found);

#endif
