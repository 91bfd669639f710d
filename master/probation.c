/*
 * probation: park, count deaths, go back.
 *
 * Called by generation.c (begin), reap.c (death), stranded.c (can_serve) and master.c (look).
 *
 * Logs: "crash loop: N workers of generation N died within a second of serving; generation N serves
 * again", or "crash loop: N workers of generation N died within a second of serving; no earlier
 * generation is left, they are started again later and later"; "no worker of generation N serves:
 * generation N serves again".
 */
#include "master/probation.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "base/wire.h"
#include "master/child.h"
#include "master/conf.h"
#include "master/logs.h"
#include "master/master.h"

enum { PARKED_MOST_MS = 60000 };

/* The worker in `slot` of the generation that serves. NULL: there is none, or it does not serve. */
static const struct master_child *
serving(struct master *m, unsigned slot)
{
	struct master_child *c = NULL;

	while ((c = master_child_next(&m->children, m->serving, c)) != NULL)
		if (c->role == ROLE_WORKER && c->slot == slot && c->state == CHILD_SERVING)
			return c;
	return NULL;
}

/* When each slot's worker will have served long enough; 0: one has none that serves. */
static uint64_t
proven_at(struct master *m)
{
	uint64_t last_ms = 0;

	for (unsigned slot = 0; slot < m->n_workers; slot++) {
		const struct master_child *c = serving(m, slot);

		if (c == NULL)
			return 0;
		if (c->serves_since_ms > last_ms)
			last_ms = c->serves_since_ms;
	}
	return last_ms + MASTER_YOUNG_MS;
}

static void
order_all(struct master *m, const struct master_generation *g, const char *order)
{
	struct master_child *c = NULL;

	while ((c = master_child_next(&m->children, g, c)) != NULL)
		if (c->role == ROLE_WORKER && c->state == CHILD_SERVING)
			master_child_order(c, order);
}

/* Nothing is parked any more. */
static void
release(struct master *m)
{
	struct master_generation *g = m->probation.parked;

	m->probation.parked = NULL;
	if (g != NULL && g->state == GENERATION_PARKED)
		master_generation_drain(m, g, master_worker_grace_ms(m));
}

void
master_probation_begin(struct master *m, struct master_generation *old)
{
	struct master_generation *proven = m->probation.parked;

	m->probation = (struct master_probation){ .parked = proven != NULL ? proven : old,
	    .until_ms = clock_monotonic_ms() + PARKED_MOST_MS };
	if (proven != NULL) {	/* `old` has not shown yet that it stays alive */
		master_generation_drain(m, old, master_worker_grace_ms(m));
		return;
	}
	old->state = GENERATION_PARKED;
	order_all(m, old, WIRE_PARK);
}

bool
master_probation_can_serve(struct master *m)
{
	const struct master_generation *g = m->probation.parked;
	struct master_child *c = NULL;

	while (g != NULL && (c = master_child_next(&m->children, g, c)) != NULL)
		if (c->role == ROLE_WORKER && c->state == CHILD_SERVING)
			return true;
	return false;
}

/* The parked generation takes its place again: `why` not the one that serves. */
static void
go_back(struct master *m, const char *why)
{
	struct master_generation *bad = m->serving, *good = m->probation.parked;
	struct master_child *c = NULL;

	master_reload_undo(m, why);
	m->probation = (struct master_probation){ .parked = NULL };
	m->serving = good;
	m->n_workers = good->n_workers;
	good->state = GENERATION_SERVING;
	master_logs_follow(m, &good->conf->values);
	memset(&m->stranded, 0, sizeof(m->stranded));	/* what failed was the bad one's */
	order_all(m, good, WIRE_RESUME);
	while ((c = master_child_next(&m->children, good, c)) != NULL)
		if (c->role == ROLE_WORKER && c->state == CHILD_READY)
			master_worker_serve(m, c);
	master_workers_fill(m);
	master_generation_drain(m, bad, master_worker_grace_ms(m));
}

bool
master_probation_death(struct master *m, const struct master_child *c, uint64_t now_ms)
{
	struct master_probation *p = &m->probation;
	bool back;

	must(c->generation == m->serving);
	if (c->state != CHILD_SERVING || now_ms - c->serves_since_ms >= MASTER_YOUNG_MS)
		return false;
	if (++p->deaths <= 2 * m->n_workers || p->told)
		return false;
	back = master_probation_can_serve(m);
	if (back)
		log_errorx("crash loop: %u workers of generation %u died within a second of serving; "
		    "generation %u serves again", p->deaths, m->serving->number, p->parked->number);
	else
		log_errorx("crash loop: %u workers of generation %u died within a second of serving; no "
		    "earlier generation is left, they are started again later and later", p->deaths,
		    m->serving->number);
	p->told = true;
	if (back)
		go_back(m, "its workers died within a second of serving");
	return back;
}

/* Does a worker serve, in whatever slot? */
static bool
any_serves(struct master *m)
{
	for (unsigned slot = 0; slot < m->n_workers; slot++)
		if (serving(m, slot) != NULL)
			return true;
	return false;
}

static bool
on_probation(const struct master *m)
{
	return m->serving != NULL && (m->probation.parked != NULL || m->probation.deaths > 0);
}

void
master_probation_look(struct master *m, uint64_t now_ms)
{
	struct master_probation *p = &m->probation;
	uint64_t proven_ms;
	bool proven, needed = p->needed;

	p->needed = false;	/* who could serve then may have died meanwhile */
	if (!on_probation(m))
		return;
	if ((needed || (p->until_ms <= now_ms && !any_serves(m))) && master_probation_can_serve(m)) {
		log_errorx("no worker of generation %u serves: generation %u serves again",
		    m->serving->number, p->parked->number);
		go_back(m, "none of its workers serves");
		return;
	}
	proven_ms = proven_at(m);
	proven = proven_ms != 0 && proven_ms <= now_ms;
	if (proven) {
		p->deaths = 0;
		p->told = false;
	}
	if (proven || p->until_ms <= now_ms)
		release(m);
}

uint64_t
master_probation_next(struct master *m)
{
	uint64_t proven_ms;

	if (!on_probation(m))
		return 0;
	proven_ms = proven_at(m);
	return proven_ms != 0 || m->probation.parked == NULL ? proven_ms : m->probation.until_ms;
}
