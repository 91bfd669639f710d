/*
 * sync_mode: pool thread or loop for a plan of plain functions, as --sync says.
 *
 * `threads`: always the pool, which is FastAPI's behaviour. `inline`: always the loop,
 * the user's own choice. `auto`: the loop, once the plan has proved on the pool that it is
 * short and never blocks; a long run on the loop sends the plan back to the pool, for
 * longer each time.
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
	uint32_t needed;	/* short runs in a row before promotion; 0: the default */
	bool promoted;		/* to the loop */
};

/* One measurement, from pyb_sync_mode_begin() to pyb_sync_mode_end(). */
struct pyb_sync_probe {
	int64_t began_ns;
	long switches;		/* voluntary context switches before */
};

/* Must this run stay on the loop's thread? */
bool pyb_sync_mode_inline(enum pyb_sync mode, const struct pyb_sync_stat *stat);

/* Measure the functions of a plan, on the thread that runs them. `pooled`: that is a pool
 * thread; its voluntary context switches, a sign of blocking, are counted, too. */
void pyb_sync_mode_begin(struct pyb_sync_probe *probe, bool pooled);
void pyb_sync_mode_end(struct pyb_sync_stat *stat, const struct pyb_sync_probe *probe,
    bool pooled);

#endif
