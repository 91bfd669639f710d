/*
 * turn: the only place of a process that waits.
 *
 * One io_turn is one libevent base, one FIFO of jobs and one list of things to
 * flush. A turn goes: poll (no interpreter held; libevent callbacks only move
 * bytes and push jobs), run a snapshot of the FIFO (the owner of the loop
 * holds the interpreter), flush (one writev per dirty connection, interpreter
 * released again). No user code ever runs inside event_base_loop(), which
 * cannot be re-entered.
 *
 * Everything but io_turn_wake() belongs to the thread that runs the loop.
 */
#ifndef IO_TURN_H
#define IO_TURN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/list.h"

struct event_base;
struct io_turn;

/* Something to run in the next turn. Zero-initialised before first use; a job is
 * queued at most once at a time (io_turn_push on a queued job does nothing). */
struct io_job {
	struct list_node node;
	void (*run)(struct io_job *job);	/* interpreter held */
};

/* Something that has bytes to send at the end of the turn. As a job otherwise. */
struct io_flush {
	struct list_node node;
	void (*flush)(struct io_flush *flush);	/* interpreter NOT held */
};

/* NULL when out of memory or descriptors. */
struct io_turn *io_turn_new(void) MUST_CHECK;
void io_turn_free(struct io_turn *t);

/* Borrowed; for event_assign() by rooms that own events. */
struct event_base *io_turn_base(struct io_turn *t);

/* Queue for the next io_turn_run(). Jobs pushed while running wait for the
 * next snapshot, so neither kind of work starves another. */
void io_turn_push(struct io_turn *t, struct io_job *job);

/* Take a queued job out again (its owner goes away). No-op when it is not queued;
 * the turn it was pushed to must still live. */
void io_turn_remove(struct io_job *job);

/* Flush at the end of this turn, once however often this is called; and not after
 * all. */
void io_turn_dirty(struct io_turn *t, struct io_flush *flush);
void io_turn_undirty(struct io_flush *flush);

/* True when jobs are queued: the next poll must not block. */
bool io_turn_pending(const struct io_turn *t);

/* Show every queued job to `see` until it returns other than 0; returns that.
 * Not during a poll, which may push. */
int io_turn_each(const struct io_turn *t, int (*see)(const struct io_job *job, void *arg),
    void *arg);

/* From now on io_turn_wake() ends the next poll, even one that has not begun.
 * Look at what other threads have left after this call, never only before it. */
void io_turn_prepare(struct io_turn *t);

/* Wait for events (not at all when `block` is false or jobs are queued) and
 * run their callbacks. Returns 0, or -1 with errno when the kernel refuses. */
int io_turn_poll(struct io_turn *t, bool block) MUST_CHECK;

/* Run the jobs queued at entry. */
void io_turn_run(struct io_turn *t);

void io_turn_flush(struct io_turn *t);

/* Make a blocked io_turn_poll() return. Thread and signal safe, never blocks;
 * cheap when the loop is awake. */
void io_turn_wake(struct io_turn *t);

#endif
