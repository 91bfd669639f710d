/*
 * reload: the last one's record.
 *
 * Called by generation.c, develop.c (fail) and, where a generation is taken back, by probation.c. Who
 * waits for the end of a reload is told by control.c.
 */
#include "master/reload.h"

#include <stdio.h>

#include "base/clock.h"
#include "master/master.h"

void
master_reload_begin(struct master *m)
{
	struct master_reload *r = &m->reload;

	r->begun++;
	r->failed = false;
	r->why[0] = '\0';
	r->since_ms = clock_monotonic_ms();
}

static void
end(struct master_reload *r)
{
	if (r->ended == r->begun)
		return;
	r->ended = r->begun;
	r->took_ms = clock_monotonic_ms() - r->since_ms;
	r->ended_unix_ms = clock_unix_ms();
}

void
master_reload_serves(struct master *m)
{
	end(&m->reload);
}

void
master_reload_fail(struct master *m, const char *why)
{
	struct master_reload *r = &m->reload;

	if (!r->failed)
		snprintf(r->why, sizeof(r->why), "%s", why);
	r->failed = true;
	end(r);
}

void
master_reload_undo(struct master *m, const char *why)
{
	if (m->reload.begun == m->reload.ended)
		master_reload_fail(m, why);
}
