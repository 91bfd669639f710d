/*
 * builder: makes a route table in ordinary memory.
 *
 * Every worker makes one, and one of them writes it: a worker compares its own with the sealed
 * one. The same calls in the same order give the same bytes.
 */
#ifndef SHM_BUILDER_H
#define SHM_BUILDER_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"
#include "shm/layout.h"

struct shm_builder;

struct shm_part_spec {
	uint32_t kind;		/* enum shm_part_kind */
	struct slice text;
};

struct shm_route_spec {
	struct slice path, name, reason;
	uint64_t methods;
	uint32_t plan;		/* SHM_NONE for ASGI */
	uint32_t barrier;
	const struct shm_part_spec *parts;
	size_t n_parts;
};

/* A step, its name and its arguments. The builder fills in `name`, and `first` and
 * `count` of steps that have arguments (shm_plan_step_has_args()). */
struct shm_step_spec {
	struct shm_step step;
	struct slice name;
	const uint32_t *args;
	size_t n_args;
};

/* NULL when out of memory. */
struct shm_builder *shm_builder_new(void) MUST_CHECK;
void shm_builder_free(struct shm_builder *b);

/* Each copies what it is given and returns 0, or -1 when out of memory or when 32
 * bits are too few for an offset. Add routes in declaration order. Steps belong to
 * the plan that is added after them; the builder fills in its first_step and
 * n_steps. Whether the records make sense is for shm/check to say. */
int shm_builder_meta(struct shm_builder *b, struct slice key, struct slice value)
    MUST_CHECK;
int shm_builder_route(struct shm_builder *b, const struct shm_route_spec *spec) MUST_CHECK;
int shm_builder_step(struct shm_builder *b, const struct shm_step_spec *spec) MUST_CHECK;
int shm_builder_plan(struct shm_builder *b, const struct shm_plan *plan) MUST_CHECK;

/* Make the index and lay the table out. *bytes is from malloc(), the caller's. 0;
 * -1 when out of memory; -2 when the table is larger than `limit` bytes (*size says
 * how large). */
int shm_builder_finish(struct shm_builder *b, uint32_t n_objects, size_t limit,
    void **bytes, size_t *size) MUST_CHECK;

#endif
