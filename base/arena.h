/*
 * arena: memory that is given back all at once.
 *
 * Each exchange has one: a request takes all its memory from it, and one arena_fini()
 * gives that memory back. The first block may be a pool's, so that a request that needs no
 * more takes nothing from the heap. There are no destructors: a reference or a descriptor
 * kept in an arena must be released before. Not thread safe: an arena has one owner at a
 * time.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "base/attr.h"

struct arena_block;
struct pool;

struct arena {
	struct pool *pool;		/* borrowed, for the first block; NULL: the heap's */
	struct arena_block *first;	/* NULL: nothing was allocated */
	struct arena_block *last;	/* allocations come from here */
	size_t first_size;
};

/* An arena whose first block will have `size` usable bytes. Allocates nothing. */
void arena_init(struct arena *a, size_t size);

/* The same, but its first block will be one of the pool's. */
void arena_init_pool(struct arena *a, struct pool *pool);

/* Free every block. The arena may be used again, as after arena_init(). */
void arena_fini(struct arena *a);

/* `size` bytes, aligned for any type, valid until arena_fini(). NULL when out of
 * memory; zero bytes give a valid pointer. */
void *arena_alloc(struct arena *a, size_t size) MUST_CHECK;

#endif
