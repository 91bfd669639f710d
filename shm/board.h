/*
 * board: what a worker process lets the others see.
 *
 * All boards of a server are in one memfd, each on pages of its own. The master
 * creates it and seals its size before any child has it (a child that could
 * shrink it would kill its readers with SIGBUS), and gives every worker process
 * one board that no other living process has: two generations never share one.
 * Whoever wants the server's totals adds up the counters of all boards; a board
 * keeps them for its next owner, so they never go backwards.
 *
 * One writer, any number of readers. No locks and no pointers: every field is an
 * independent number, read and written with relaxed atomics, and readers expect
 * garbage, because a worker may die or go mad at any moment.
 */
#ifndef SHM_BOARD_H
#define SHM_BOARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum shm_counter {
#define SHM_COUNTER(name, kind, help) SHM_COUNT_##name,
#include "shm/counters.def"
#undef SHM_COUNTER
	SHM_COUNTER_COUNT
};

/* The life of the worker that has the board. */
enum shm_board_state {
	SHM_BOARD_EMPTY,	/* nobody has attached yet */
	SHM_BOARD_STARTING,	/* imports the application, runs its start-up */
	SHM_BOARD_SERVING,
	SHM_BOARD_DRAINING,
	SHM_BOARD_STOPPING,	/* the application's shut-down runs */
	SHM_BOARD_STATE_COUNT
};

enum {
	SHM_BOARD_VERSION = 1,		/* 0: nobody has ever had this board */
	SHM_BOARD_TEXT = 256,		/* bytes of the last words */
	SHM_BOARD_REQUEST = 128,	/* bytes of the request in hand */
};

/* Texts are stored in words, so that a reader and the writer never make an
 * undefined race of them; a torn text is only a wrong text. */
struct shm_board {
	_Atomic uint32_t version;
	_Atomic uint32_t state;
	_Atomic uint32_t pid;
	_Atomic uint32_t generation;
	_Atomic uint64_t heartbeat_ns;		/* CLOCK_MONOTONIC, once a turn */
	_Atomic uint64_t request_start_ns;	/* of the request in hand; 0: none */
	_Atomic uint64_t request[SHM_BOARD_REQUEST / 8];
	_Atomic uint64_t last_words[SHM_BOARD_TEXT / 8];
	_Atomic uint64_t counters[SHM_COUNTER_COUNT];
};

/* What a reader gets: a copy, with every field brought into its range. */
struct shm_board_view {
	bool garbage;		/* a field was out of its range */
	enum shm_board_state state;
	uint32_t pid;
	uint32_t generation;
	uint64_t heartbeat_ns;
	uint64_t request_start_ns;
	uint64_t counters[SHM_COUNTER_COUNT];
	char request[SHM_BOARD_REQUEST + 1];	/* printable ASCII, NUL at the end */
	char last_words[SHM_BOARD_TEXT + 1];
};

/* Every board of a server, to be read; {0}: none. */
struct shm_boards {
	const char *map;
	size_t n, stride;
};

/* [master] `n` zeroed boards that nobody can resize. A close-on-exec descriptor,
 * the caller's; -1 with errno. */
int shm_boards_create(const char *name, size_t n);

/* [reader] Map all boards. 0; -1 with errno: EPERM when they are not sealed,
 * EINVAL when the size is no multiple of a board's. The descriptor may be closed. */
int shm_boards_attach(struct shm_boards *all, int fd);
void shm_boards_detach(struct shm_boards *all);

/* [reader] Board `i` of `all->n`, borrowed. */
static inline const struct shm_board *
shm_boards_at(const struct shm_boards *all, size_t i)
{
	return (const struct shm_board *)(const void *)(all->map + i * all->stride);
}

/* [worker] Map board `i`, writable. NULL with errno, as above; EINVAL when there
 * is no such board. */
struct shm_board *shm_board_attach(int fd, size_t i);
void shm_board_detach(struct shm_board *b);

/* [worker] Take the board: clears what the owner before left behind except the
 * counters, which go on, then sets the state to STARTING. */
void shm_board_claim(struct shm_board *b, uint32_t pid, uint32_t generation);

/* [worker] The request in hand, cut to size; an empty line: none. About 10 ns. */
void shm_board_request(struct shm_board *b, struct slice line, uint64_t now_ns);

/* [worker] The last line before an abort. Safe in a signal handler. */
void shm_board_last_words(struct shm_board *b, const char *line);

/* [reader] Copy the board; never fails. */
void shm_board_read(const struct shm_board *b, struct shm_board_view *view);

/* The row of a counter: its name, its help line, whether it is a gauge. */
const char *shm_counter_name(enum shm_counter id);
const char *shm_counter_help(enum shm_counter id);
bool shm_counter_gauge(enum shm_counter id);

/* Name of a state, for status lines. */
const char *shm_board_state_name(enum shm_board_state state);

/* [worker] One writer, so a load and a store do: no locked instruction. A NULL
 * board (the in-process test client) takes everything and keeps nothing. */
static inline void
shm_board_add(struct shm_board *b, enum shm_counter id, uint64_t n)
{
	if (b != NULL)
		atomic_store_explicit(&b->counters[id],
		    atomic_load_explicit(&b->counters[id], memory_order_relaxed) + n,
		    memory_order_relaxed);
}

static inline void
shm_board_set(struct shm_board *b, enum shm_counter id, uint64_t value)
{
	if (b != NULL)
		atomic_store_explicit(&b->counters[id], value, memory_order_relaxed);
}

static inline void
shm_board_beat(struct shm_board *b, uint64_t now_ns)
{
	if (b != NULL)
		atomic_store_explicit(&b->heartbeat_ns, now_ns, memory_order_relaxed);
}

static inline void
shm_board_state(struct shm_board *b, enum shm_board_state state)
{
	if (b != NULL)
		atomic_store_explicit(&b->state, state, memory_order_relaxed);
}

#endif
