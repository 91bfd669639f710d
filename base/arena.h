/*
 * arena: memory that is given back all at once.
 *
 * One arena per exchange: everything a request needs is taken from it and one
 * arena_reset() ends it, with cleanup hooks run in reverse order of adding
 * (Python references, files). The first block is kept across resets, so a
 * keep-alive connection allocates nothing in the steady state.
 * Not thread safe: an arena has one owner at a time.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "base/slice.h"

typedef void arena_cleanup_f(void *arg);

struct arena_block;
struct arena_hook;

struct arena {
	struct arena_block *first;	/* kept by reset */
	struct arena_block *last;	/* allocations come from here */
	struct arena_hook *hooks;	/* newest first */
	size_t used;			/* bytes handed out since the last reset */
};

/* Make an arena whose first block has `size` usable bytes. 0, or -1 when out
 * of memory. */
int arena_init(struct arena *a, size_t size);

/* Run the hooks and free every block. The arena may be initialised again. */
void arena_fini(struct arena *a);

/* Run the hooks, newest first, and free every block but the first. */
void arena_reset(struct arena *a);

/* `size` bytes, aligned for any type, valid until reset. NULL when out of
 * memory; zero bytes give a valid pointer. */
void *arena_alloc(struct arena *a, size_t size);

/* A copy of `s`, with a NUL behind it that is not counted. `ptr` is NULL when
 * out of memory. */
struct slice arena_copy(struct arena *a, struct slice s);

/* Call `fn(arg)` at reset or fini. 0, or -1 when out of memory (the hook is
 * then not registered). */
int arena_cleanup(struct arena *a, arena_cleanup_f *fn, void *arg);

#endif
