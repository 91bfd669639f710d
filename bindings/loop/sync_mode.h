/*
 * sync_mode: thread or loop for plans made of plain functions.
 *
 * `threads`: always the pool, FastAPI's behaviour. `inline`: always the loop,
 * the user's own choice. `auto`: on the loop once a plan has proved itself
 * short and never blocking on the pool, back to the pool at the first sign of
 * the contrary, for longer each time.
 */
#ifndef BINDINGS_LOOP_SYNC_MODE_H
#define BINDINGS_LOOP_SYNC_MODE_H

#include <stdbool.h>
#include <stdint.h>

/* In the order of the words of base/conf_keys.def. */
enum pyb_sync { PYB_SYNC_THREADS, PYB_SYNC_AUTO, PYB_SYNC_INLINE };

/* One per plan, zeroed at first. Owned by the binding. */
struct pyb_sync_stat {
	uint32_t good;		/* short runs in a row */
	uint32_t needed;	/* until inline; 0: the default */
	bool promoted;
};

/* A measurement in hand. */
struct pyb_sync_probe {
	int64_t began_ns;
	long switches;		/* voluntary context switches before */
};

/* Should this run go to the loop? */
bool pyb_sync_mode_inline(enum pyb_sync mode, const struct pyb_sync_stat *stat);

/* Around the functions of a plan, on the thread that runs them. `pooled` also
 * counts the thread's voluntary context switches: a sign of blocking. */
void pyb_sync_mode_begin(struct pyb_sync_probe *probe, bool pooled);
void pyb_sync_mode_end(struct pyb_sync_stat *stat, const struct pyb_sync_probe *probe,
    bool pooled);

#endif
