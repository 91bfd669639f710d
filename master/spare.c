/*
 * spare: one process more than there are workers.
 *
 * Called by master.c (look), workers.c (adopt), replies.c (ready, failed) and reap.c (failed). A
 * generation with a zygote needs none.
 *
 * Logs: "the spare of generation N is ready", "no spare: WHY; tried again every N s", "there is a spare
 * again".
 */
#include "master/spare.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "base/wire.h"
#include "master/child.h"
#include "master/conf.h"
#include "master/master.h"
#include "master/shortage.h"
#include "master/spawn.h"
#include "master/workers.h"

enum { AGAIN_S = 60 };

static struct master_child *
spare_of(struct master *m, const struct master_generation *g)
{
	struct master_child *c = NULL;

	while ((c = master_child_next(&m->children, g, c)) != NULL)
		if (c->role == ROLE_SPARE && !c->told_to_end)
			return c;
	return NULL;
}

/* Only while a generation serves alone: one that is coming has enough to do. */
static bool
wanted(struct master *m)
{
	const struct conf *c = master_generation_conf(m);

	return m->serving != NULL && m->coming == NULL && !m->stopping &&
	    c->spare > 0 && !c->preload && spare_of(m, m->serving) == NULL;
}

void
master_spare_failed(struct master *m, const char *why)
{
	m->spare.start_at_ms = clock_monotonic_ms() + AGAIN_S * 1000;
	if (!m->spare.failed)
		log_warnx("no spare: %s; tried again every %d s", why, AGAIN_S);
	m->spare.failed = true;
}

void
master_spare_look(struct master *m, uint64_t now_ms)
{
	struct master_child *c;
	char text[256];

	if (!wanted(m) || m->spare.start_at_ms > now_ms)
		return;
	c = master_child_free_record(&m->children, ROLE_SPARE, m->serving);
	if (c != NULL) {
		c->board = master_worker_board_free(m);
		c->again = m->spare.failed;
		c->kill_at_ms = now_ms + master_generation_conf(m)->timeout_startup_ms;
	}
	if (c == NULL || master_spawn(m, c) < 0)
		master_spare_failed(m, master_shortage_text(text, sizeof(text), "start it", errno));
	else
		master_worker_table(c);
}

uint64_t
master_spare_next(struct master *m)
{
	return wanted(m) ? m->spare.start_at_ms : 0;
}

void
master_spare_ready(struct master *m, struct master_child *c)
{
	must(c->role == ROLE_SPARE);
	log_debug("the spare of generation %u is ready", c->generation->number);
	c->state = CHILD_READY;
	c->kill_at_ms = 0;
	if (m->spare.failed)
		log_info("there is a spare again");
	memset(&m->spare, 0, sizeof(m->spare));
}

struct master_child *
master_spare_adopt(struct master *m, const struct master_generation *g, unsigned slot)
{
	struct master_child *c = spare_of(m, g);
	char order[128], name[MASTER_NAME_BYTES];
	int n;

	if (c == NULL || c->state != CHILD_READY || c->channel < 0)
		return NULL;
	c->role = ROLE_WORKER;
	c->state = CHILD_STARTING;
	c->slot = slot;
	c->since_ms = clock_monotonic_ms();
	n = snprintf(order, sizeof(order), WIRE_ADOPT " name=%s\trole=worker\tagain=%d",
	    master_child_name(c, name), c->again);
	must(n > 0 && (size_t)n < sizeof(order));
	master_child_order(c, order);
	return c;
}
