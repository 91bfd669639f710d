/*
 * sync_mode: measurements behind --sync auto.
 *
 * Called by plan/phases.c and plan/hop.c around the functions of a plan, and by plan/plain.c. Times
 * are wall time, which errs on the side of the pool: a thread that lost its core looks slow and is
 * simply not promoted.
 */
#include "bindings/loop/sync_mode.h"

#include <sys/resource.h>

#include "base/clock.h"

enum {
	GOOD_RUNS = 64,		/* before the first promotion */
	NEEDED_MAX = 1 << 20,
	SHORT_NS = 200 * 1000,	/* a short run */
	LONG_NS = 5 * 1000 * 1000	/* a run on the loop that sends the plan back */
};

/* Voluntary context switches of this thread so far. */
static long
switches(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nvcsw : 0;
}

bool
pyb_sync_mode_inline(enum pyb_sync mode, const struct pyb_sync_stat *stat)
{
	return mode == PYB_SYNC_INLINE || (mode == PYB_SYNC_AUTO && stat->promoted);
}

void
pyb_sync_mode_begin(struct pyb_sync_probe *probe, bool pooled)
{
	probe->switches = pooled ? switches() : 0;
	probe->began_ns = (int64_t)clock_monotonic_ns();
}

void
pyb_sync_mode_end(struct pyb_sync_stat *stat, const struct pyb_sync_probe *probe, bool pooled)
{
	int64_t took = (int64_t)clock_monotonic_ns() - probe->began_ns;
	uint32_t needed = stat->needed != 0 ? stat->needed : GOOD_RUNS;

	if (!pooled) {
		if (took > LONG_NS) {
			stat->promoted = false;
			stat->good = 0;
			stat->needed = needed < NEEDED_MAX / 16 ? needed * 16 : NEEDED_MAX;
		}
		return;
	}
	if (took > SHORT_NS || switches() != probe->switches)
		stat->good = 0;
	else if (++stat->good >= needed)
		stat->promoted = true;
}
