/*
 * table: a verified route table, ready to be read.
 */
#ifndef SHM_TABLE_H
#define SHM_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "shm/layout.h"

struct shm_table {
	const struct shm_header *header;
	size_t size;
	void *mapping;		/* of shm_table_open(), else NULL */
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

/* Verify `size` bytes and fill `t`. The bytes (aligned to eight) are borrowed
 * and must stay. 0; -1 with *why a static text. */
int shm_table_attach(struct shm_table *t, const void *bytes, size_t size, const char **why);

/* The same for a sealed descriptor, which may be closed afterwards: maps it
 * read-only until shm_table_detach(). */
int shm_table_open(struct shm_table *t, int fd, const char **why);

void shm_table_detach(struct shm_table *t);

/* Text that tells tables apart in logs and status: checksum and size, as in
 * "5d41402a-18432". Equal bytes give equal texts; where it matters, compare
 * the bytes. */
enum { SHM_FINGERPRINT_SIZE = 32 };
void shm_table_fingerprint(const struct shm_header *header, char text[SHM_FINGERPRINT_SIZE]);

/* The value of a meta key, borrowed from the table; ptr NULL when absent. */
struct slice shm_table_meta(const struct shm_table *t, struct slice key);

/* A text of the table. */
static inline struct slice
shm_table_text(const struct shm_table *t, struct shm_text text)
{
	return (struct slice){ t->strings + text.offset, text.len };
}

#endif
