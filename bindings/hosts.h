/*
 * hosts: routes that look at the request's host, not at its path.
 *
 * The table knows paths only. A Host route is no entry of it: a request that it may take goes
 * to the application, unless a route declared before it takes the request.
 */
#ifndef BINDINGS_HOSTS_H
#define BINDINGS_HOSTS_H

#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"

/* One Host route. What it matches begins with `prefix` and has `suffix` somewhere, both in lower
 * case; a port may follow. */
struct pyb_host {
	uint32_t first;		/* the first route declared after it */
	struct slice prefix, suffix;
};

struct pyb_hosts {
	struct pyb_host *all;
	size_t n;
	PyObject *source;	/* keeps the texts */
};

/* Take `source`, a tuple of (first, prefix, suffix), where the texts are bytes; NULL: there are
 * none. 0, or -1 with an exception set; then, too, fini() is safe. */
int pyb_hosts_init(struct pyb_hosts *h, PyObject *source) MUST_CHECK;

void pyb_hosts_fini(struct pyb_hosts *h);

/* For the garbage collector. */
int pyb_hosts_traverse(struct pyb_hosts *h, visitproc visit, void *arg);

/* May a Host route take the request before the route `route`, or SHM_NONE, does? `host` is the
 * value of its first Host field, ptr NULL without one. Starlette's own regular expression says
 * for certain. Needs no interpreter. */
bool pyb_hosts_claim(const struct pyb_hosts *h, uint32_t route, struct slice host);

#endif
