/*
 * workers: every slot of the generation that serves has its worker.
 *
 * Called by generation.c (a new generation's workers), replies.c and reap.c (a
 * replacement), watchdog.c and recycle.c (the same), spare.c (a board), probation.c
 * (fill), master.c (the clock), signals.c (TTIN and TTOU), orders.c (the same), upgrade.c and develop.c
 * (grace).
 *
 * Logs: "N workers", "N workers as soon as the generation that is starting has", "N workers is
 * the most: TTIN does nothing", "1 worker is the least: TTOU does nothing", "worker N is started
 * again in N s".
 */
#include "master/workers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "base/wire.h"
#include "master/conf.h"
#include "master/master.h"
#include "master/shortage.h"
#include "master/spare.h"
#include "master/spawn.h"
#include "master/zygote.h"

enum { DELAY_FIRST_MS = 100 };

static bool
board_taken(struct master *m, unsigned board)
{
	struct master_child *c = NULL;

	while ((c = master_child_next(&m->children, NULL, c)) != NULL)
		if (c->role != ROLE_ZYGOTE && c->board == board)
			return true;
	return false;
}

/* Whoever reads the boards stops at the first one that was never used, so that none may be
 * skipped. */
unsigned
master_worker_board_free(struct master *m)
{
	unsigned board = 0;

	while (board_taken(m, board))
		board++;
	must(board < MASTER_MAX_CHILDREN);
	return board;
}

/* The record of a worker of `g` in `slot` that is to be started; NULL: all are taken. */
static struct master_child *
record_fill(struct master *m, struct master_generation *g, unsigned slot)
{
	struct master_child *c = master_child_free_record(&m->children, ROLE_WORKER, g);

	if (c == NULL)
		return NULL;
	c->slot = slot;
	c->board = master_worker_board_free(m);
	c->loads = g->state == GENERATION_LOADING && slot == 0;
	c->again = g == m->serving && m->stranded.times > 0;
	return c;
}

int
master_worker_start(struct master *m, struct master_generation *g, unsigned slot)
{
	struct master_child *zygote = master_zygote_of(m, g), *c = master_spare_adopt(m, g, slot);
	bool adopted = c != NULL;
	int rc = 0;

	must(slot < MASTER_MAX_WORKERS);
	if (!adopted) {
		c = record_fill(m, g, slot);
		if (c == NULL)
			return -1;
		rc = zygote != NULL ? master_zygote_fork(zygote, c) : master_spawn(m, c);
	}
	if (rc < 0)
		return -1;
	if (g == m->serving)	/* a generation that is coming has its own deadline */
		c->kill_at_ms = clock_monotonic_ms() + (c->pid == MASTER_PID_UNKNOWN ?
		    MASTER_FORK_MS : g->conf->values.timeout_startup_ms);
	if (!adopted && g->state != GENERATION_LOADING)
		master_worker_table(c);
	return 0;
}

void
master_worker_table(struct master_child *c)
{
	const struct master_generation *g = c->generation;
	char order[32];

	must(g->state != GENERATION_LOADING);
	snprintf(order, sizeof(order), WIRE_TABLE " %llu", (unsigned long long)g->table_size);
	if (g->table_size == 0)
		master_child_order(c, order);
	else if (master_child_order_fd(c, order, g->table_fd) < 0)
		master_child_kill(c, false);	/* it would wait for ever */
}

void
master_worker_add(struct master *m, unsigned slot)
{
	char what[32], who[40], text[256];

	must(m->serving != NULL && slot < m->n_workers);
	m->slots[slot].spawn_at_ms = 0;
	if (master_worker_start(m, m->serving, slot) == 0)
		return;
	snprintf(what, sizeof(what), "start worker %u", slot);
	snprintf(who, sizeof(who), "cannot %s", what);
	master_shortage_text(text, sizeof(text), what, errno);
	master_stranded_note(m, who, text + strlen(who));
	m->slots[slot].spawn_at_ms = clock_monotonic_ms() + MASTER_DELAY_MAX_MS;
}

void
master_worker_serve(struct master *m, struct master_child *c)
{
	must(c->role == ROLE_WORKER && c->state == CHILD_READY);
	master_stranded_over(m);
	master_child_order(c, WIRE_SERVE);
	if (m->stopping)
		master_child_order(c, WIRE_UNREADY);
	c->state = CHILD_SERVING;
	c->serves_since_ms = clock_monotonic_ms();
	master_recycle_serves(m, c);
}

void
master_worker_drain(struct master_child *c, uint64_t ms, bool give)
{
	char order[64];

	must(c->role == ROLE_WORKER);
	if (c->told_to_end)
		return;
	if (c->state == CHILD_STARTING) {
		master_child_end(c);
		return;
	}
	snprintf(order, sizeof(order), "%s %llu", give ? WIRE_GIVE : WIRE_DRAIN,
	    (unsigned long long)ms);
	master_child_order(c, order);
	c->state = CHILD_DRAINING;
	c->since_ms = clock_monotonic_ms();
	c->kill_at_ms = c->since_ms + ms + MASTER_END_GRACE_MS;
}

/* Is it a worker in its slot, or will it be? */
static bool
has_slot(const struct master_child *c)
{
	return c->role == ROLE_WORKER && c->state != CHILD_DRAINING && c->state != CHILD_FAILED &&
	    !c->told_to_end && !c->reaped;
}

struct master_child *
master_worker_successor(struct master *m, const struct master_child *c)
{
	struct master_child *other = NULL;

	while ((other = master_child_next(&m->children, c->generation, other)) != NULL)
		if (other != c && has_slot(other) && other->slot == c->slot)
			return other;
	return NULL;
}

uint64_t
master_worker_grace_ms(const struct master *m)
{
	return master_generation_conf(m)->timeout_graceful_shutdown_ms;
}

void
master_worker_replace(struct master *m, const struct master_child *c, uint64_t now_ms)
{
	struct master_slot *s;

	must(c->generation == m->serving && c->slot < m->n_workers);
	s = &m->slots[c->slot];
	if (c->state == CHILD_SERVING && now_ms - c->serves_since_ms >= MASTER_YOUNG_MS)
		s->delay_ms = 0;
	s->spawn_at_ms = now_ms + s->delay_ms;
	if (s->delay_ms > 0)
		log_info("worker %u is started again in %.1f s", c->slot, (double)s->delay_ms / 1000);
	s->delay_ms = s->delay_ms == 0 ? DELAY_FIRST_MS :
	    s->delay_ms * 2 < MASTER_DELAY_MAX_MS ? s->delay_ms * 2 : MASTER_DELAY_MAX_MS;
}

void
master_workers_fill(struct master *m)
{
	bool filled[MASTER_MAX_WORKERS] = { false };
	struct master_child *c = NULL;

	memset(m->slots, 0, sizeof(m->slots));
	while ((c = master_child_next(&m->children, m->serving, c)) != NULL)
		if (has_slot(c) && c->slot < MASTER_MAX_WORKERS && c->terms.retires == RETIRE_NOT)
			filled[c->slot] = true;
	for (unsigned slot = 0; slot < m->n_workers; slot++)
		if (!filled[slot])
			master_worker_add(m, slot);
}

/* One slot more. */
static void
more(struct master *m)
{
	must(m->n_workers < MASTER_MAX_WORKERS);
	master_worker_add(m, m->n_workers++);
}

/* The last slot goes. */
static void
less(struct master *m)
{
	struct master_child *c = NULL;
	unsigned slot;

	must(m->serving != NULL && m->n_workers > 1);
	slot = --m->n_workers;
	m->slots[slot].spawn_at_ms = 0;
	while ((c = master_child_next(&m->children, m->serving, c)) != NULL)
		if (c->role == ROLE_WORKER && c->slot == slot && c->state != CHILD_DRAINING)
			master_worker_drain(c, master_worker_grace_ms(m), true);
}

/* Change the number of slots to `wanted`, now or after the start of a generation. */
static void
scale(struct master *m, int by, int wanted)
{
	m->scale_due += by;
	if (m->coming != NULL || m->serving == NULL) {
		if (by != 0)
			log_info("%d workers as soon as the generation that is starting has", wanted);
		return;
	}
	for (; m->scale_due > 0; m->scale_due--)
		more(m);
	for (; m->scale_due < 0; m->scale_due++)
		less(m);
	log_info("%u workers", m->n_workers);
}

void
master_workers_scale(struct master *m, int by)
{
	int wanted = (int)m->n_workers + m->scale_due + by;

	if (m->stopping)
		return;
	/* A reload may have changed the number meanwhile. */
	if (by == 0 && (wanted < 1 || wanted > MASTER_MAX_WORKERS)) {
		wanted = wanted < 1 ? 1 : MASTER_MAX_WORKERS;
		m->scale_due = wanted - (int)m->n_workers;
		if (m->scale_due == 0)
			return;
	}
	if (wanted > MASTER_MAX_WORKERS)
		log_info("%d workers is the most: TTIN does nothing", MASTER_MAX_WORKERS);
	else if (wanted < 1)
		log_info("1 worker is the least: TTOU does nothing");
	else
		scale(m, by, wanted);
}
