/*
 * report: routes that can never answer.
 *
 * For `fastrd routes` and `fastrd -t`: a route is shadowed when one declared
 * before it matches every path that it matches, so that Starlette never comes
 * to it for the methods both have.
 */
#ifndef SHM_REPORT_H
#define SHM_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/table.h"

struct shm_conflict {
	uint32_t route;		/* the shadowed one */
	uint32_t by;		/* the first route declared before that shadows it */
	uint64_t methods;	/* those it shadows */
	bool whole;		/* all methods of the route: it never answers */
	bool same;		/* both have the same template, names aside */
};

typedef void shm_report_f(void *arg, const struct shm_conflict *conflict);

/* Call `report` for every shadowed route, in declaration order, at most once
 * per route: with the first that shadows it whole, else with the first that
 * takes some of its methods. A barrier shadows nothing here: what it matches is
 * not known. About as cheap as matching every route's own path. */
void shm_report_each(const struct shm_table *t, shm_report_f *report, void *arg);

#endif
