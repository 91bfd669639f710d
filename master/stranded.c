/*
 * stranded: say once that no worker is left and why, and when it is over.
 *
 * Called by replies.c, reap.c and workers.c (a start that failed), and by workers.c (a
 * worker serves). A worker that dies is replaced in a moment, and requests wait that long in
 * the listener's queue. When its replacement cannot start either, as after a refused reload,
 * whose broken file the replacement imports, they would wait for ever.
 *
 * Logs: "WHO: WHY", "WHO: WHY (N times)", "no worker is left and none can start: requests get
 * 503; tried again every N s, and at SIGHUP", "a worker serves again after N s without", "N of N workers
 * serve: the others are tried again every N s, and at SIGHUP", "N of N workers serve again".
 */
#include "master/stranded.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "master/master.h"

enum { REMIND_MS = 60000 };

/* How many slots have a worker that serves, or is ready to. */
static unsigned
slots_served(struct master *m)
{
	bool served[MASTER_MAX_WORKERS] = { false };
	struct master_child *c = NULL;
	unsigned n = 0;

	while ((c = master_child_next(&m->children, m->serving, c)) != NULL)
		if (c->role == ROLE_WORKER && c->slot < m->n_workers && !served[c->slot] &&
		    (c->state == CHILD_SERVING || c->state == CHILD_READY)) {
			served[c->slot] = true;
			n++;
		}
	return n;
}

void
master_stranded_note(struct master *m, const char *who, const char *why)
{
	struct master_stranded *s = &m->stranded;
	uint64_t now_ms = clock_monotonic_ms();
	unsigned n;

	if (strncmp(s->why, why, sizeof(s->why) - 1) != 0)
		s->times = 0;
	snprintf(s->why, sizeof(s->why), "%s", why);
	if (++s->times == 1)
		log_errorx("%s%s", who, why);
	else if (now_ms - s->told_ms >= REMIND_MS)
		log_errorx("%s%s (%u times)", who, why, s->times);
	if (s->times == 1 || now_ms - s->told_ms >= REMIND_MS)
		s->told_ms = now_ms;
	if (s->is || m->serving == NULL)
		return;
	n = slots_served(m);
	if (n > 0 && n < m->n_workers && s->fewer != n)
		log_warnx("%u of %u workers serve: the others are tried again every %d s, and at "
		    "SIGHUP", n, m->n_workers, MASTER_DELAY_MAX_MS / 1000);
	s->fewer = n;
	if (n > 0)
		return;
	if (master_probation_can_serve(m)) {
		m->probation.needed = true;
		return;
	}
	s->is = true;
	s->since_ms = now_ms;
	log_errorx("no worker is left and none can start: requests get 503; tried again every "
	    "%d s, and at SIGHUP", MASTER_DELAY_MAX_MS / 1000);
}

void
master_stranded_over(struct master *m)
{
	unsigned fewer = m->stranded.fewer, n = slots_served(m);

	if (m->stranded.is)
		log_info("a worker serves again after %.0f s without", (double)(clock_monotonic_ms() -
		    m->stranded.since_ms) / 1000);
	else if (fewer > 0 && n >= m->n_workers)
		log_info("%u of %u workers serve again", n, m->n_workers);
	memset(&m->stranded, 0, sizeof(m->stranded));
	if (n < m->n_workers)
		m->stranded.fewer = fewer;
}
