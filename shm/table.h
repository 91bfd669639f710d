/*
 * table: a verified route table, ready to be read.
 */
#ifndef SHM_TABLE_H
#define SHM_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "shm/layout.h"

struct shm_table {
	const struct shm_header *header;
	size_t size;
	void *mapping;		/* of shm_table_open(), else NULL */
	const char *strings;
	const struct shm_meta *meta;
	const struct shm_route *routes;
	const struct shm_part *parts;
	const struct shm_shape *shapes;
	const struct shm_bucket *buckets;
	const uint32_t *candidates;
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

/* The same for a sealed descriptor: maps it read-only. */
int shm_table_open(struct shm_table *t, int fd, const char **why);

void shm_table_detach(struct shm_table *t);

#endif
