/*
 * index: the look-up sections of a table, made from its routes.
 *
 * The same routes give the same records.
 */
#ifndef SHM_INDEX_H
#define SHM_INDEX_H

#include <stddef.h>

#include "base/attr.h"
#include "shm/layout.h"

struct shm_index {
	struct shm_span spans[SHM_SPAN_COUNT];
	struct shm_shape *shapes;
	struct shm_bucket *buckets;
	struct shm_candidate *candidates;
	size_t n_shapes, n_buckets, n_candidates;
};

/* Make the index of n routes, whose parts and texts lie in `parts` and `strings`.
 * 0; -1 when out of memory or when 32 bits are too few for an index, with nothing
 * to free. */
int shm_index_init(struct shm_index *x, const struct shm_route *routes, size_t n,
    const struct shm_part *parts, const char *strings) MUST_CHECK;
void shm_index_fini(struct shm_index *x);

#endif
