/*
 * workers: every slot of the generation that serves has its worker.
 *
 * Called by generation.c (a new generation's workers), master.c (deaths, the
 * clock, TTIN and TTOU).
 */
#include "master/workers.h"

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/wire.h"
#include "master/shortage.h"
#include "master/spawn.h"

enum { YOUNG_MS = 1000, DELAY_FIRST_MS = 100, DELAY_MAX_MS = 5000 };

static bool
board_taken(const struct master *m, unsigned board)
{
	for (int i = 0; i < MASTER_MAX_CHILDREN; i++)
		if (m->children[i].pid != 0 && m->children[i].role == ROLE_WORKER &&
		    m->children[i].board == board)
			return true;
	return false;
}

/* The first that no living worker has: readers stop at one never used. */
static unsigned
board_free(const struct master *m)
{
	unsigned board = 0;

	while (board_taken(m, board))
		board++;
	return board;
}

int
master_worker_start(struct master *m, struct master_generation *g, unsigned slot)
{
	struct master_child *c = master_child_add(m, ROLE_WORKER, g);

	if (c == NULL)
		return -1;
	c->slot = slot;
	c->board = board_free(m);
	if (g == m->serving)	/* else the generation has a deadline */
		c->kill_at_ms = clock_monotonic_ms() + m->conf.values.timeout_startup_ms;
	return master_spawn(c, &m->conf, m->python, &m->listeners, g->table_fd, m->boards_fd);
}

void
master_worker_add(struct master *m, unsigned slot)
{
	char what[32], text[256];

	m->slots[slot].spawn_at_ms = 0;
	if (master_worker_start(m, m->serving, slot) == 0)
		return;
	snprintf(what, sizeof(what), "start worker %u", slot);
	log_errorx("%s", master_shortage_text(text, sizeof(text), what, errno));
	m->slots[slot].spawn_at_ms = clock_monotonic_ms() + DELAY_MAX_MS;
}

void
master_worker_drain(struct master_child *c, uint64_t ms)
{
	char order[64];

	if (c->state == CHILD_STARTING) {
		master_child_end(c, END_GRACE_MS);
		return;
	}
	snprintf(order, sizeof(order), "%s %llu", WIRE_DRAIN, (unsigned long long)ms);
	master_child_order(c, order);
	c->state = CHILD_DRAINING;
	c->kill_at_ms = clock_monotonic_ms() + ms + END_GRACE_MS;
}

void
master_worker_replace(struct master *m, const struct master_child *c)
{
	struct master_slot *s = &m->slots[c->slot];
	uint64_t now = clock_monotonic_ms();

	if (c->state == CHILD_SERVING && now - c->serves_since_ms >= YOUNG_MS)
		s->delay_ms = 0;
	s->spawn_at_ms = now + s->delay_ms + 1;
	s->delay_ms = s->delay_ms == 0 ? DELAY_FIRST_MS :
	    s->delay_ms * 2 < DELAY_MAX_MS ? s->delay_ms * 2 : DELAY_MAX_MS;
}

void
master_worker_more(struct master *m)
{
	master_worker_add(m, m->n_workers++);
	log_info("%u workers", m->n_workers);
}

void
master_worker_less(struct master *m)
{
	unsigned slot = --m->n_workers;

	m->slots[slot].spawn_at_ms = 0;
	for (int i = 0; i < MASTER_MAX_CHILDREN; i++) {
		struct master_child *c = &m->children[i];

		if (c->pid != 0 && c->role == ROLE_WORKER && c->slot == slot &&
		    c->generation == m->serving)
			master_worker_drain(c, master_grace_ms(m));
	}
	log_info("%u workers", m->n_workers);
}
