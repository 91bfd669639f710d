/*
 * memory: two pools, and a timer that trims them.
 *
 * Called by worker.c at its start and end, by conn.c, flush.c and reply.c when memory was
 * given back, and by engine/serve.c, once in a process. A minute after the last traffic no
 * timer runs.
 */
#include "worker/memory.h"

#include <event2/event.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "worker/conn.h"

/* A block has the fields of most requests, or most answers, and strides through the lines of
 * the cache. */
enum { BLOCK_BYTES = 5776, CALM_MS = 1000, HEAP_MS = 60 * 1000, MUCH = 1024 * 1024 };
/* Larger pieces have pages of their own; so much that is free stays at the heap's end. */
enum { KEEP_PIECE = 8 * 1024 * 1024, KEEP_FREE = 16 * 1024 * 1024 };

static void
on_calm(evutil_socket_t fd, short what, void *arg)
{
	struct worker_memory *m = arg;
	uint64_t now_ms = clock_coarse_ms();

	(void)fd;
	(void)what;
	m->armed = false;
	/* After many requests at once, or large ones, the heap, too, has pages to give back,
	 * wherever in it: their contents, large heads and answers, what the application made of
	 * them. A heap of a gigabyte with a million holes takes 60 ms. */
	if (pool_trim(&m->conns) + pool_trim(&m->blocks) >= MUCH)
		m->heap_due = true;
	if (m->heap_due && !m->large && now_ms >= m->heap_at_ms) {
		malloc_trim(0);
		m->heap_at_ms = now_ms + HEAP_MS;
		m->heap_due = false;
	}
	m->large = false;
	if (m->heap_due)
		worker_memory_wait(m);
	else
		worker_memory_given(m);
}

void
worker_memory_keep_heap(void)
{
	static const char *const settings[] = { "MALLOC_TRIM_THRESHOLD_",
	    "MALLOC_MMAP_THRESHOLD_", "MALLOC_TOP_PAD_", "MALLOC_MMAP_MAX_" };
	const char *tunables = getenv("GLIBC_TUNABLES");

	if (tunables != NULL && strstr(tunables, "glibc.malloc") != NULL)
		return;
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (getenv(settings[i]) != NULL)
			return;
	mallopt(M_MMAP_THRESHOLD, KEEP_PIECE);
	mallopt(M_TRIM_THRESHOLD, KEEP_FREE);
	/* What the start has left over. */
	malloc_trim(0);
}

void
worker_memory_init(struct worker_memory *m, struct io_turn *turn)
{
	m->armed = m->heap_due = m->large = false;
	m->heap_at_ms = 0;
	pool_init(&m->conns, sizeof(struct worker_conn));
	pool_init(&m->blocks, BLOCK_BYTES);
	evtimer_assign(&m->calm, io_turn_base(turn), on_calm, m);
}

void
worker_memory_fini(struct worker_memory *m)
{
	evtimer_del(&m->calm);
	pool_fini(&m->conns);
	pool_fini(&m->blocks);
}

void
worker_memory_wait(struct worker_memory *m)
{
	struct timeval tv = { CALM_MS / 1000, CALM_MS % 1000 * 1000 };

	/* Without memory for it the next block that is given back tries again. */
	m->armed = evtimer_add(&m->calm, &tv) == 0;
}
