/*
 * pool: slabs from mmap(2).
 *
 * Called by arena.c, io/output.c and worker/. Before each block stands a pointer to its
 * slab. Slabs are no power of two, or the same places of all blocks would be the same lines
 * of the cache.
 */
#include "base/pool.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/must.h"

enum { SLAB_BYTES = 68 * 1024, BLOCK_MAX = 16 * 1024 };

struct pool_slab {
	struct list_node node;		/* in `partial` or `empty`; in neither when it is full */
	size_t used, fresh;		/* blocks in use; blocks that were taken once */
	struct pool_block *free;
	alignas(max_align_t) unsigned char bytes[];
};

void
pool_init(struct pool *p, size_t size)
{
	must(size > 0 && size <= BLOCK_MAX);
	*p = (struct pool){ .size = size };
	p->stride = (sizeof(struct pool_block) + size + alignof(max_align_t) - 1) /
	    alignof(max_align_t) * alignof(max_align_t);
	p->per_slab = (SLAB_BYTES - sizeof(struct pool_slab)) / p->stride;
	list_init(&p->partial);
	list_init(&p->empty);
}

static void
slabs_unmap(struct pool *p, size_t n)
{
	for (; n > 0; n--, p->n_empty--)
		munmap(container_of(list_take(&p->empty), struct pool_slab, node), SLAB_BYTES);
}

static struct pool_slab *
slab_new(void)
{
	void *at = mmap(NULL, SLAB_BYTES, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at != MAP_FAILED ? at : NULL;
}

/* A slab with a block to take, in the list `partial`. NULL when out of memory. */
static struct pool_slab *
slab_with_room(struct pool *p)
{
	struct list_node *node = list_first(&p->partial);
	struct pool_slab *slab;

	if (node != NULL)
		return container_of(node, struct pool_slab, node);
	node = list_take(&p->empty);
	if (node != NULL) {
		slab = container_of(node, struct pool_slab, node);
		if (--p->n_empty < p->least_empty)
			p->least_empty = p->n_empty;
	} else {
		slab = slab_new();
	}
	if (slab != NULL)
		list_append(&p->partial, &slab->node);
	return slab;
}

void *
pool_take_from_slab(struct pool *p)
{
	struct pool_slab *slab;
	struct pool_block *b;

	if (pool_is_plain) {
		void *bytes = malloc(p->size);

		p->n_used += bytes != NULL;
		return bytes;
	}
	slab = slab_with_room(p);
	if (slab == NULL)
		return NULL;
	b = slab->free;
	if (b != NULL) {
		slab->free = b->next;
	} else {
		b = (struct pool_block *)(void *)(slab->bytes + slab->fresh++ * p->stride);
		b->slab = slab;
	}
	p->n_used++;
	if (++slab->used == p->per_slab)
		list_remove(&slab->node);
	return b + 1;
}

void
pool_give_to_slab(struct pool *p, struct pool_block *b)
{
	struct pool_slab *slab = b->slab;

	b->next = slab->free;
	slab->free = b;
	if (slab->used-- == p->per_slab)
		list_append(&p->partial, &slab->node);
	if (slab->used > 0)
		return;
	list_remove(&slab->node);
	list_append(&p->empty, &slab->node);
	p->n_empty++;
}

static void
at_hand_give(struct pool *p)
{
	for (; p->n_at_hand > 0; p->n_at_hand--) {
		struct pool_block *b = p->at_hand;

		p->at_hand = b->next;
		pool_give_to_slab(p, b);
	}
}

size_t
pool_trim(struct pool *p)
{
	size_t n = p->least_empty > 1 ? p->least_empty - 1 : 0;

	at_hand_give(p);
	slabs_unmap(p, n);
	p->least_empty = p->n_empty;
	return n * SLAB_BYTES;
}

void
pool_fini(struct pool *p)
{
	must(p->n_used == 0);
	at_hand_give(p);
	slabs_unmap(p, p->n_empty);
}

void *
pool_buffer_enlarge(struct pool *p, void *buffer, size_t len, size_t *cap, size_t want)
{
	size_t grown = *cap < p->size ? p->size : *cap;
	bool heaps = *cap > p->size;
	void *bytes;

	while (grown < want)
		grown *= 2;
	bytes = heaps ? realloc(buffer, grown) : malloc(grown);
	if (bytes == NULL)
		return NULL;
	if (!heaps && len > 0)
		memcpy(bytes, buffer, len);
	if (!heaps)
		pool_give(p, buffer);
	*cap = grown;
	return bytes;
}
