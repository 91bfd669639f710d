/*
 * builder: grows a route table in ordinary memory.
 *
 * Used by the loader, and by a worker that needs a private table. The same
 * calls in the same order give the same bytes.
 */
#ifndef SHM_BUILDER_H
#define SHM_BUILDER_H

#include <stddef.h>
#include <stdint.h>

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

/* A step with its own name and arguments; `first` and `count` of the record
 * are filled in for CALL and ENDPOINT. */
struct shm_step_spec {
	struct shm_step step;
	struct slice name;
	const uint32_t *args;
	size_t n_args;
};

/* NULL when out of memory. */
struct shm_builder *shm_builder_new(void);
void shm_builder_free(struct shm_builder *b);

/* Each returns 0, or -1 when out of memory or over 32 bit offsets. Routes are
 * added in declaration order. Steps belong to the plan added next: its
 * first_step and n_steps are filled in. */
int shm_builder_meta(struct shm_builder *b, struct slice key, struct slice value);
int shm_builder_route(struct shm_builder *b, const struct shm_route_spec *spec);
int shm_builder_step(struct shm_builder *b, const struct shm_step_spec *spec);
int shm_builder_plan(struct shm_builder *b, const struct shm_plan *plan);

/* Make the index and lay the table out: *bytes from malloc(), the caller frees
 * it. 0; -1 out of memory; -2 when the table is larger than `limit` bytes
 * (*size tells how large). */
int shm_builder_finish(struct shm_builder *b, uint32_t n_objects, size_t limit,
    void **bytes, size_t *size);

#endif
