/*
 * arena: chained blocks, bump allocation.
 *
 * Called by http, middleware, files, worker/conn.c, worker/access_fields.c, worker/added.c,
 * worker/request_id.c, worker/websocket/websocket.c and bindings, once per exchange, and by room master
 * for the texts of a configuration, and by room ctl for an answer. Blocks never grow: a request that
 * needs more memory takes further ones.
 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/must.h"
#include "base/pool.h"

struct arena_block {
	struct arena_block *next;
	size_t size;
	size_t used;
	alignas(max_align_t) unsigned char bytes[];
};

#define ARENA_ALIGN alignof(max_align_t)

/* Is a block of so many bytes the pool's? Only the first has the first size: each is larger
 * than the one before. */
static bool
from_pool(const struct arena *a, size_t size)
{
	return a->pool != NULL && size == a->first_size;
}

/* Append a block of `size` bytes. NULL when out of memory. */
static struct arena_block *
block_add(struct arena *a, size_t size)
{
	struct arena_block *b = from_pool(a, size) ? pool_take(a->pool) :
	    malloc(sizeof(*b) + size);

	if (b == NULL)
		return NULL;
	b->next = NULL;
	b->size = size;
	b->used = 0;
	if (a->last != NULL)
		a->last->next = b;
	else
		a->first = b;
	a->last = b;
	return b;
}

static void
blocks_free(struct arena *a, struct arena_block *b)
{
	while (b != NULL) {
		struct arena_block *next = b->next;

		if (from_pool(a, b->size))
			pool_give(a->pool, b);
		else
			free(b);
		b = next;
	}
}

void
arena_init(struct arena *a, size_t size)
{
	must(size > 0 && size <= SIZE_MAX / 4);
	*a = (struct arena){ .first_size = size };
}

void
arena_init_pool(struct arena *a, struct pool *pool)
{
	must(pool->size > sizeof(struct arena_block));
	*a = (struct arena){ .pool = pool, .first_size = pool->size - sizeof(struct arena_block) };
}

void
arena_fini(struct arena *a)
{
	blocks_free(a, a->first);
	a->first = a->last = NULL;
}

void *
arena_alloc(struct arena *a, size_t size)
{
	struct arena_block *b = a->last;
	size_t want;
	void *p;

	if (size > SIZE_MAX / 4)
		return NULL;
	want = (size + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
	if (b == NULL || want > b->size - b->used) {
		size_t least = b == NULL ? a->first_size : b->size * 2;

		must(least > 0);
		b = block_add(a, least > want ? least : want);
		if (b == NULL)
			return NULL;
	}
	p = b->bytes + b->used;
	b->used += want;
	return p;
}
