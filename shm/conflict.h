/*
 * conflict: routes that can never answer.
 *
 * For `fastrd routes`. A route is shadowed when a route declared before it matches
 * every path that it matches: Starlette then never reaches it for the methods that
 * both have.
 */
#ifndef SHM_CONFLICT_H
#define SHM_CONFLICT_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/table.h"

struct shm_conflict {
	uint32_t route;		/* the shadowed one */
	uint32_t by;		/* the route that shadows it, declared before it */
	uint64_t methods;	/* the methods that both have */
	bool whole;		/* these are all methods of the route: it never answers */
	bool same;		/* both have the same template, but for parameters' names */
};

typedef void shm_conflict_f(void *arg, const struct shm_conflict *conflict);

/* Call `found` once for every shadowed route, in declaration order: with the first
 * route that shadows it whole, else with the first that takes some of its methods.
 * Barriers are left out, because what they match is not known. Costs about as much
 * as matching every route's own path. */
void shm_conflict_each(const struct shm_table *t, shm_conflict_f *found, void *arg);

#endif
