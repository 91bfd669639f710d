/*
 * arena: chained blocks, bump allocation.
 *
 * Called by http and bindings, once per exchange. The first
 * block never grows: a request that needs more memory takes further blocks, which the
 * reset frees.
 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/must.h"

struct arena_block {
	struct arena_block *next;
	size_t size;
	size_t used;
	alignas(max_align_t) unsigned char bytes[];
};

#define ARENA_ALIGN alignof(max_align_t)

/* Append a block of `size` bytes, at least. NULL when out of memory. */
static struct arena_block *
block_add(struct arena *a, size_t size)
{
	struct arena_block *b = malloc(sizeof(*b) + size);

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
blocks_free(struct arena_block *b)
{
	while (b != NULL) {
		struct arena_block *next = b->next;

		free(b);
		b = next;
	}
}

void
arena_init(struct arena *a, size_t size)
{
	must(size > 0 && size <= SIZE_MAX / 4);
	a->first = a->last = NULL;
	a->first_size = size;
}

void
arena_fini(struct arena *a)
{
	blocks_free(a->first);
	a->first = a->last = NULL;
}

void
arena_reset(struct arena *a)
{
	if (a->first == NULL)
		return;
	blocks_free(a->first->next);
	a->first->next = NULL;
	a->first->used = 0;
	a->last = a->first;
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
