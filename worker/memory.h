/*
 * memory: what connections are made of, and what their requests take.
 *
 * A connection without a request keeps nothing but its own block. A request takes blocks
 * for its head, its fields and its answer, and gives them back at once: as many are in use
 * as requests are in hand, not as connections are open.
 */
#ifndef WORKER_MEMORY_H
#define WORKER_MEMORY_H

#include <event2/event_struct.h>
#include <stdbool.h>

#include "base/pool.h"
#include "io/turn.h"

struct worker_memory {
	struct pool conns;		/* of struct worker_conn */
	struct pool blocks;		/* of buffers and arenas */
	struct event calm;		/* time to look what was not needed lately */
	bool armed;			/* `calm` runs */
	uint64_t heap_at_ms;		/* on the coarse clock: not before is the heap trimmed */
	bool heap_due;			/* the heap may have much to give back */
	bool large;			/* large pieces of it came or went, since `calm` ran */
};

/* This process is a worker's alone: let its heap keep what it will need again at once. Large
 * contents come and go with every request, and pages that went back to the kernel cost more to
 * get than the content costs to read. Whoever has tuned the heap by the environment knows
 * better. */
void worker_memory_keep_heap(void);

void worker_memory_init(struct worker_memory *m, struct io_turn *turn);

/* Everything has been given back. */
void worker_memory_fini(struct worker_memory *m);

/* Wait for a calm second. */
void worker_memory_wait(struct worker_memory *m);

/* A large content was in hand: after a calm second its memory goes to the kernel. */
static inline void
worker_memory_large(struct worker_memory *m)
{
	m->heap_due = m->large = true;
	if (!m->armed)
		worker_memory_wait(m);
}

/* Blocks have been given back to the pools: what they do not need goes to the kernel when
 * they have not needed it for a second. */
static inline void
worker_memory_given(struct worker_memory *m)
{
	if (!m->armed && (pool_is_trimmable(&m->conns) || pool_is_trimmable(&m->blocks)))
		worker_memory_wait(m);
}

#endif
