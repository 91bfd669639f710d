/*
 * turn: one turn of an event loop, and the only place where the process waits.
 *
 * An io_turn is a libevent base, a FIFO of jobs and a list of what has bytes to send
 * ("dirty"). A turn has three parts, in the order in which bindings/loop/loop.c has them:
 *
 *	flush	without the interpreter: what is dirty sends, as a rule with one system call;
 *		then those who wait have their share, as far as the turn's bytes go
 *	poll	without the interpreter; libevent's callbacks move bytes and push jobs
 *	run	with the interpreter: the jobs that were queued when the run began
 *
 * A flush sends what the run before it has queued: it is the end of that run's turn.
 *
 * A fast peer takes all that it is given. So that many of them, or one, do not hold up the
 * others, each is given a share at a time, one after the other, and all of them together so
 * many bytes a turn. What is dirty has its first share at once, also when these are used up:
 * most answers are smaller than a share.
 *
 * event_base_loop() cannot be re-entered, so no user code ever runs inside it. Other
 * threads than the loop's may call io_turn_wake() and nothing else.
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

/* Something to run in the next turn, embedded by its owner. Zero-initialised before
 * first use. A job is queued once at most. */
struct io_job {
	struct list_node node;
	void (*run)(struct io_job *job);	/* interpreter held */
};

/* Something with bytes to send at the end of the turn, embedded in the same way. */
struct io_flush {
	struct list_node node;
	/* Send `most` bytes at most; returns how many. Interpreter NOT held. */
	size_t (*flush)(struct io_flush *flush, size_t most);
};

/* NULL with errno set when out of memory or descriptors. */
struct io_turn *io_turn_new(void) MUST_CHECK;

/* Keep the turn: it is gone after one io_turn_free() more. Who owns events or jobs that
 * may outlive the loop holds it until they are taken out. Only where the loop's thread or
 * the interpreter's lock keeps others away. */
void io_turn_hold(struct io_turn *t);

/* Let go of what io_turn_new() or io_turn_hold() gave. Before the last one: every event of
 * its base is deleted, and every queued job is removed or never touched again. */
void io_turn_free(struct io_turn *t);

/* This process is a fork of the one that made the turn: nothing of it is run or flushed
 * here. It may not be polled any more, for the fork shares the kernel's side of its base. */
void io_turn_abandon(struct io_turn *t);

/* Borrowed; for event_assign() by rooms that own events. */
struct event_base *io_turn_base(struct io_turn *t);

/* Queue a job for the next io_turn_run(); no-op when it is queued. A job that is pushed
 * during a run waits for the next one, so that a poll comes between. */
void io_turn_push(struct io_turn *t, struct io_job *job);

/* Take a queued job out, because its owner goes away; no-op when it is not queued. The
 * turn must still live. */
void io_turn_remove(struct io_job *job);

/* Flush at the end of this turn, once however often this is called. */
void io_turn_dirty(struct io_turn *t, struct io_flush *flush);

/* Flush when those who wait already have had their share, in this turn or a later one; no-op
 * when it is to be flushed anyway. The next poll does not wait for events. */
void io_turn_await(struct io_turn *t, struct io_flush *flush);

/* Take either back. */
void io_turn_undirty(struct io_flush *flush);

/* True when jobs are queued: the next poll must not block. */
bool io_turn_pending(const struct io_turn *t);

/* Call `see` with every queued job until it returns something other than 0, and return
 * that. Never during a poll, which may push jobs. */
int io_turn_each(const struct io_turn *t, int (*see)(const struct io_job *job, void *arg),
    void *arg);

/* From now on io_turn_wake() ends the next poll, even when that poll has not begun. Call
 * this first and look second at what other threads have queued: what they queue after
 * the look then ends the poll. */
void io_turn_prepare(struct io_turn *t);

/* Wait for events and run their callbacks. Does not wait when `block` is false, jobs are
 * queued, or somebody waits to be flushed. 0, or -1 with errno when the kernel refuses. */
int io_turn_poll(struct io_turn *t, bool block) MUST_CHECK;

/* Run the jobs that are queued now, first in, first out. Within a job it first runs those
 * that the run around it has left. */
void io_turn_run(struct io_turn *t);

/* Flush what is dirty, also what becomes dirty meanwhile; then those who wait, until the
 * turn's bytes are used up. */
void io_turn_flush(struct io_turn *t);

/* End a poll that waits. For any thread and for signal handlers; never blocks, and makes
 * no system call while the loop is awake. */
void io_turn_wake(struct io_turn *t);

#endif
