/*
 * watch: a thread that looks after the loop of its own process.
 */
#ifndef ENGINE_WATCH_H
#define ENGINE_WATCH_H

#include <Python.h>

#include "base/attr.h"
#include "shm/board.h"

struct engine_watch;

/* Watch the loop whose heartbeat is on `board`, until engine_watch_stop(). When it is late, the
 * thread takes the interpreter and writes to the board when it had it. When it is late by
 * `warn_ms` (0: never), `report(seconds, held, delayed, doing, more)` is called, in that
 * thread: how long the loop has been blocked, whether the interpreter could not be had
 * meanwhile, how many of the seconds it waited for a processor, what is in hand, and how often
 * it was blocked since the last call without one. The board is borrowed.
 * NULL with an exception set. */
struct engine_watch *engine_watch_start(struct shm_board *board, PyObject *report,
    uint32_t warn_ms) MUST_CHECK;

/* End the thread, with the interpreter held; it may be let go meanwhile. NULL: no-op. */
void engine_watch_stop(struct engine_watch *w);

#endif
