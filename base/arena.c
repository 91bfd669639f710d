/*
 * arena: chained blocks, bump allocation, cleanup hooks.
 *
 * Called by http and bindings, once per exchange. It never grows the
 * first block: a request that needs more takes further blocks and gives them
 * back at reset.
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

struct arena_hook {
	struct arena_hook *next;
	arena_cleanup_f *fn;
	void *arg;
};

#define ARENA_ALIGN alignof(max_align_t)

static struct arena_block *
block_new(size_t size)
{
	struct arena_block *b;

	if (size > SIZE_MAX - sizeof(*b))
		return NULL;
	b = malloc(sizeof(*b) + size);
	if (b == NULL)
		return NULL;
	b->next = NULL;
	b->size = size;
	b->used = 0;
	return b;
}

int
arena_init(struct arena *a, size_t size)
{
	a->first = a->last = block_new(size);
	a->hooks = NULL;
	a->used = 0;
	return a->first == NULL ? -1 : 0;
}

static void
hooks_run(struct arena *a)
{
	while (a->hooks != NULL) {
		struct arena_hook *h = a->hooks;

		a->hooks = h->next;
		h->fn(h->arg);
	}
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
arena_fini(struct arena *a)
{
	hooks_run(a);
	blocks_free(a->first);
	a->first = a->last = NULL;
	a->used = 0;
}

void
arena_reset(struct arena *a)
{
	must(a->first != NULL);
	hooks_run(a);
	if (a->first->next != NULL) {
		blocks_free(a->first->next);
		a->first->next = NULL;
	}
	a->last = a->first;
	a->first->used = 0;
	a->used = 0;
}

void *
arena_alloc(struct arena *a, size_t size)
{
	struct arena_block *b = a->last;
	size_t want;
	void *p;

	must(b != NULL);
	if (size > SIZE_MAX / 2)
		return NULL;
	want = (size + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
	if (want > b->size - b->used) {
		size_t grow = b->size * 2 > want ? b->size * 2 : want;

		b = block_new(grow);
		if (b == NULL)
			return NULL;
		a->last->next = b;
		a->last = b;
	}
	p = b->bytes + b->used;
	b->used += want;
	a->used += want;
	return p;
}

struct slice
arena_copy(struct arena *a, struct slice s)
{
	char *p = arena_alloc(a, s.len + 1);

	if (p == NULL)
		return SLICE_NULL;
	if (s.len > 0)
		memcpy(p, s.ptr, s.len);
	p[s.len] = '\0';
	return (struct slice){ p, s.len };
}

int
arena_cleanup(struct arena *a, arena_cleanup_f *fn, void *arg)
{
	struct arena_hook *h = arena_alloc(a, sizeof(*h));

	if (h == NULL)
		return -1;
	h->fn = fn;
	h->arg = arg;
	h->next = a->hooks;
	a->hooks = h;
	return 0;
}
