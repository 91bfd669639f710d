/*
 * pool: blocks of one size, given back to the kernel when they are not needed.
 *
 * For what comes and goes with every request, or with every connection: taking a block and
 * giving it back costs a few pointer moves, and the block that is taken is as a rule one that
 * was given back lately, so it is in the processor's cache. Blocks stand in slabs of their own.
 * Whatever else a program allocates therefore never keeps their memory: a slab without a
 * block in use goes back to the kernel, which the heap can do at its end only.
 *
 * A growing buffer begins as one block and becomes the heap's when it is larger.
 *
 * Not thread safe.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/attr.h"
#include "base/list.h"
#include "base/must.h"

enum { POOL_AT_HAND = 256 };

/* Under AddressSanitizer, which shall see every block, blocks are the heap's. */
#ifdef __SANITIZE_ADDRESS__
enum { pool_is_plain = true };
#else
enum { pool_is_plain = false };
#endif

struct pool_slab;

/* Stands before the bytes that the user gets. */
struct pool_block {
	alignas(max_align_t) struct pool_slab *slab;
	struct pool_block *next;	/* that is free */
};

struct pool {
	struct pool_block *at_hand;	/* free blocks of any slab, the last given back first */
	size_t n_at_hand;		/* POOL_AT_HAND at most */
	size_t size;			/* of a block */
	size_t stride, per_slab;	/* bytes from block to block; blocks */
	size_t n_used;			/* blocks that were taken and not given back */
	struct list partial;		/* slabs of which some blocks are in use, or at hand */
	struct list empty;		/* ... and none */
	size_t n_empty, least_empty;	/* now; least since pool_trim() */
};

/* A pool of blocks of `size` bytes, 16 KiB at most. Allocates nothing. */
void pool_init(struct pool *p, size_t size);

/* Every block has been given back. */
void pool_fini(struct pool *p);

/* The parts of what follows that are not the rule. */
void *pool_take_from_slab(struct pool *p) MUST_CHECK;
void pool_give_to_slab(struct pool *p, struct pool_block *b);
void *pool_buffer_enlarge(struct pool *p, void *buffer, size_t len, size_t *cap,
    size_t want) MUST_CHECK;

/* A block, aligned for any type. NULL when out of memory. */
static inline void *MUST_CHECK
pool_take(struct pool *p)
{
	struct pool_block *b = p->at_hand;

	if (b == NULL)
		return pool_take_from_slab(p);
	p->at_hand = b->next;
	p->n_at_hand--;
	p->n_used++;
	return b + 1;
}

/* Give a block back. NULL: no-op. */
static inline void
pool_give(struct pool *p, void *block)
{
	struct pool_block *b;

	if (block == NULL)
		return;
	must(p->n_used > 0);
	p->n_used--;
	if (pool_is_plain) {
		free(block);
		return;
	}
	b = (struct pool_block *)block - 1;
	if (p->n_at_hand == POOL_AT_HAND) {
		pool_give_to_slab(p, b);
		return;
	}
	b->next = p->at_hand;
	p->at_hand = b;
	p->n_at_hand++;
}

/* Give to the kernel the slabs that were empty ever since the last call, but one. For a
 * timer: the pool so keeps what it has needed at once lately. Returns how many bytes. */
size_t pool_trim(struct pool *p);

/* Would pool_trim() have anything to do sooner or later? */
static inline bool
pool_is_trimmable(const struct pool *p)
{
	return p->n_empty > 1 || p->n_at_hand > p->per_slab;
}

/* Enlarge a buffer of *cap bytes, of which the first `len` are kept, for `want` bytes at
 * least. A buffer is NULL with a *cap of 0 at first. NULL when out of memory: the buffer
 * stays as it is. */
static inline void *MUST_CHECK
pool_buffer_grow(struct pool *p, void *buffer, size_t len, size_t *cap, size_t want)
{
	must(len <= *cap);
	if (*cap > 0 || want > p->size)
		return want <= *cap ? buffer : pool_buffer_enlarge(p, buffer, len, cap, want);
	buffer = pool_take(p);
	*cap = buffer != NULL ? p->size : 0;
	return buffer;
}

/* Give a buffer of `cap` bytes back. NULL with a `cap` of 0: no-op. */
static inline void
pool_buffer_free(struct pool *p, void *buffer, size_t cap)
{
	if (cap > p->size)
		free(buffer);
	else
		pool_give(p, buffer);
}

#endif
