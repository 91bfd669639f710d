/*
 * arena: memory that is given back all at once.
 *
 * Each exchange has one: a request takes all its memory from it, and one arena_reset()
 * gives that memory back. The first allocation makes the first block, which a reset
 * keeps, so that a busy keep-alive connection allocates nothing. There are no
 * destructors: a reference or a descriptor kept in an arena must be released before the
 * reset. Not thread safe: an arena has one owner at a time.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "base/attr.h"

struct arena_block;

struct arena {
	struct arena_block *first;	/* kept by reset; NULL: nothing was allocated */
	struct arena_block *last;	/* allocations come from here */
	size_t first_size;
};

/* An arena whose first block will have `size` usable bytes. Allocates nothing. */
void arena_init(struct arena *a, size_t size);

/* Free every block. The arena may be used again, as after arena_init(). */
void arena_fini(struct arena *a);

/* Forget everything allocated and free every block but the first. */
void arena_reset(struct arena *a);

/* `size` bytes, aligned for any type, valid until reset or fini. NULL when out of
 * memory; zero bytes give a valid pointer. */
void *arena_alloc(struct arena *a, size_t size) MUST_CHECK;

#endif
