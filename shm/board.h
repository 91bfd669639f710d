/*
 * board: what a worker process tells the other processes.
 *
 * All boards of a server are in one memfd, each on pages of its own. The master
 * creates the memfd and seals its size before any child has it: a child that
 * could shrink it would kill its readers with SIGBUS. The master gives each
 * worker process a board that no other living process has, so two generations
 * never share one. A board keeps its counters for its next owner. The sum of a
 * counter over all boards is the server's total, and it never goes backwards.
 *
 * One process writes a board, any number read it. There are no locks and no
 * pointers: every field but the texts of shm/hands.h is an independent number, read and
 * written with relaxed atomics. Readers must expect any value in any field, because the writer may
 * have died or have overwritten its memory.
 */
#ifndef SHM_BOARD_H
#define SHM_BOARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/must.h"
#include "shm/hands.h"

enum shm_counter {
#define SHM_COUNTER(name, kind, description) SHM_COUNT_##name,
#include "shm/counters.def"
#undef SHM_COUNTER
	SHM_COUNTER_COUNT
};

/* The life of the worker that has the board. */
#define SHM_BOARD_STATES(X) \
	X(EMPTY)	/* no process has had this board yet */ \
	X(STARTING)	/* imports the application, runs its start-up */ \
	X(SERVING) \
	X(DRAINING)	/* accepts nothing; ends what runs */ \
	X(ENDING)	/* has no connection any more; the application's shutdown runs */

enum shm_board_state {
#define SHM_ENUM_STATE(name) SHM_BOARD_##name,
	SHM_BOARD_STATES(SHM_ENUM_STATE)
#undef SHM_ENUM_STATE
	SHM_BOARD_STATE_COUNT
};

enum { SHM_BOARD_VERSION = 11 };	/* 0 on a board that no process has had */

struct shm_board {
	_Atomic uint32_t version;
	_Atomic uint32_t state;
	_Atomic uint32_t pid;
	_Atomic uint32_t generation;
	_Atomic uint64_t heartbeat_ns;	/* CLOCK_MONOTONIC; a worker's loop sets it every 250 ms */
	_Atomic uint64_t interpreter_ns;	/* while it is not: when a thread had the interpreter */
	_Atomic uint64_t counters[SHM_COUNTER_COUNT];
	struct shm_hands hands;		/* the requests in hand */
};

/* All boards of a server, mapped for reading; {0}: none. */
struct shm_boards {
	const char *map;
	size_t n, stride;
};

/* [master] Create `n` (at least 1) zeroed boards whose size nobody can change.
 * Returns a close-on-exec descriptor, the caller's; -1 with errno. */
int shm_boards_create(const char *name, size_t n) MUST_CHECK;

/* [reader] Map all boards. 0; -1 with errno: EPERM when they are not sealed,
 * EINVAL when the size is no multiple of a board's. The descriptor may be closed
 * afterwards. */
int shm_boards_attach(struct shm_boards *all, int fd) MUST_CHECK;
void shm_boards_detach(struct shm_boards *all);

/* [reader] Board `i` of `all->n`, borrowed from the mapping. */
static inline const struct shm_board *
shm_boards_at(const struct shm_boards *all, size_t i)
{
	must(i < all->n);
	return (const struct shm_board *)(const void *)(all->map + i * all->stride);
}

/* [reader] Copy board `i`. Unlike a mapping, a copy cannot fail later. 0; -1 with errno. */
int shm_board_copy(int fd, size_t i, struct shm_board *copy) MUST_CHECK;

/* [worker] Map board `i`, writable. NULL with errno, as above; EINVAL when there
 * is no such board. */
struct shm_board *shm_board_attach(int fd, size_t i) MUST_CHECK;
void shm_board_detach(struct shm_board *b);

/* [worker] Take the board: clears the gauges and the heartbeats of the owner
 * before and what it had in hand, keeps the counters, and sets the state to STARTING. */
void shm_board_claim(struct shm_board *b, uint32_t pid, uint32_t generation);

/* Does the number tell the present state of the owner? Else it only grows. */
bool shm_board_is_gauge(enum shm_counter id);

/* [reader] One number. */
static inline uint64_t
shm_board_get(const struct shm_board *b, enum shm_counter id)
{
	return atomic_load_explicit(&b->counters[id], memory_order_relaxed);
}

/* [worker] Write one number. The worker is the only writer, so adding is a load
 * and a store, without a locked instruction. */
static inline void
shm_board_set(struct shm_board *b, enum shm_counter id, uint64_t value)
{
	atomic_store_explicit(&b->counters[id], value, memory_order_relaxed);
}

static inline void
shm_board_add(struct shm_board *b, enum shm_counter id, uint64_t n)
{
	shm_board_set(b, id, shm_board_get(b, id) + n);
}

static inline void
shm_board_beat(struct shm_board *b, uint64_t now_ns)
{
	atomic_store_explicit(&b->heartbeat_ns, now_ns, memory_order_relaxed);
}

static inline void
shm_board_interpreter(struct shm_board *b, uint64_t now_ns)
{
	atomic_store_explicit(&b->interpreter_ns, now_ns, memory_order_relaxed);
}

static inline void
shm_board_state(struct shm_board *b, enum shm_board_state state)
{
	atomic_store_explicit(&b->state, state, memory_order_relaxed);
}

#endif
