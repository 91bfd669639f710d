/*
 * table: a verified route table, ready to be read.
 *
 * Nothing is read from a table before shm/check has passed it.
 */
#ifndef SHM_TABLE_H
#define SHM_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"
#include "shm/layout.h"

struct shm_table {
	const struct shm_header *header;
	size_t size;
	void *mapping;		/* that shm_table_open() made, else NULL */
	const char *strings;
	const struct shm_meta *meta;
	const struct shm_route *routes;
	const struct shm_part *parts;
	const struct shm_span *spans;
	const struct shm_shape *shapes;
	const struct shm_bucket *buckets;
	const struct shm_candidate *candidates;
	const struct shm_plan *plans;
	const struct shm_step *steps;
	const uint32_t *args;
	uint32_t n_meta, n_routes, n_parts, n_shapes, n_buckets, n_candidates;
	uint32_t n_plans, n_steps, n_args, n_objects;
	uint64_t n_strings;
};

/* Verify `size` bytes and fill `t`. The bytes are borrowed: they have to stay until
 * shm_table_detach(). Bytes that are not aligned to eight are refused. 0; -1 with
 * *why a static text and `t` zeroed. */
int shm_table_attach(struct shm_table *t, const void *bytes, size_t size, const char **why)
    MUST_CHECK;

/* The same for a sealed descriptor, which may be closed afterwards: maps it
 * read-only until shm_table_detach(). */
int shm_table_open(struct shm_table *t, int fd, const char **why) MUST_CHECK;

/* Unmap what shm_table_open() mapped, and zero `t`. A zeroed `t` is fine. */
void shm_table_detach(struct shm_table *t);

/* A text of the table, borrowed from its bytes. A NUL stands behind it. */
static inline struct slice
shm_table_text(const struct shm_table *t, struct shm_text text)
{
	return (struct slice){ t->strings + text.offset, text.len };
}

#endif
