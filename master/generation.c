/*
 * generation: load, start, swap, drain.
 *
 * Called by master.c when a child has spoken or died. A failure here never
 * touches the generation that serves.
 */
#include "master/generation.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/wire.h"
#include "master/banner.h"
#include "master/shortage.h"
#include "master/spawn.h"
#include "master/workers.h"
#include "shm/segment.h"

static int
free_record(const struct master *m)
{
	int i = 0;

	while (i < MASTER_MAX_GENERATIONS && m->generations[i].state != GENERATION_NONE)
		i++;
	return i;
}

bool
master_generation_room(const struct master *m)
{
	return free_record(m) < MASTER_MAX_GENERATIONS;
}

int
master_generation_load(struct master *m)
{
	struct master_generation *g = &m->generations[free_record(m)];
	struct master_child *c;
	char text[256];

	memset(g, 0, sizeof(*g));
	g->state = GENERATION_LOADING;
	g->number = ++m->generation_count;
	g->began_ms = clock_monotonic_ms();
	g->table_fd = shm_segment_create("fastrd-table");
	c = g->table_fd >= 0 ? master_child_add(m, ROLE_LOADER, g) : NULL;
	if (c != NULL && master_spawn(c, &m->conf, m->python,
	    &(struct master_listeners){ .n = 0 }, g->table_fd, g->table_fd) == 0)
		return 0;
	master_generation_failed(m, g, WIRE_EXIT_BUG,
	    master_shortage_text(text, sizeof(text), "start the loader", errno));
	return -1;
}

/* Seal what the loader wrote and keep only a read-only descriptor. */
static const char *
table_seal(struct master *m, struct master_generation *g, uint64_t size)
{
	int fd;

	if (size > (uint64_t)m->conf.values.table_limit)
		return "the route table is larger than --table-limit";
	if (shm_segment_size(g->table_fd) != (int64_t)size)
		return "the loader announced another size than it wrote";
	if (shm_segment_seal(g->table_fd) < 0)
		return "the route table cannot be sealed";
	fd = shm_segment_reopen(g->table_fd);
	if (fd < 0)
		return "the route table cannot be reopened";
	close(g->table_fd);
	g->table_fd = fd;
	g->table_size = size;
	return NULL;
}

void
master_generation_loaded(struct master *m, struct master_generation *g, uint64_t size)
{
	const char *why = table_seal(m, g, size);
	char text[256];

	if (why != NULL) {
		master_generation_failed(m, g, WIRE_EXIT_TABLE, why);
		return;
	}
	g->state = GENERATION_STARTING;
	for (unsigned slot = 0; slot < m->n_workers; slot++)
		if (master_worker_start(m, g, slot) < 0) {
			master_generation_failed(m, g, WIRE_EXIT_BUG, master_shortage_text(
			    text, sizeof(text), "start the workers", errno));
			return;
		}
}

static unsigned
count(const struct master *m, const struct master_generation *g,
    enum master_child_state state)
{
	unsigned n = 0;

	for (int i = 0; i < MASTER_MAX_CHILDREN; i++) {
		const struct master_child *c = &m->children[i];

		n += c->pid != 0 && c->generation == g && c->role == ROLE_WORKER &&
		    c->state == state;
	}
	return n;
}

static void
serve(struct master *m, struct master_generation *g)
{
	for (int i = 0; i < MASTER_MAX_CHILDREN; i++) {
		struct master_child *c = &m->children[i];

		if (c->pid == 0 || c->generation != g || c->state != CHILD_READY)
			continue;
		master_child_order(c, WIRE_SERVE);
		c->state = CHILD_SERVING;
		c->serves_since_ms = clock_monotonic_ms();
	}
}

void
master_generation_ready(struct master *m, struct master_generation *g)
{
	struct master_generation *old = m->serving;

	if (g->state == GENERATION_SERVING) {
		serve(m, g);	/* a replacement */
		return;
	}
	if (g->state != GENERATION_STARTING || count(m, g, CHILD_READY) < m->n_workers)
		return;
	g->state = GENERATION_SERVING;
	m->serving = g;
	memset(m->slots, 0, sizeof(m->slots));	/* what was due was the old one's */
	serve(m, g);
	if (!m->banner_shown)
		master_banner_print(m, g);
	else
		log_info("generation %u serves: %u routes compiled, %u through ASGI",
		    g->number, g->n_compiled, g->n_asgi);
	m->banner_shown = true;
	if (old != NULL)
		master_generation_drain(m, old, master_grace_ms(m));
}

void
master_generation_failed(struct master *m, struct master_generation *g, int code,
    const char *text)
{
	if (g->state == GENERATION_FAILED)
		return;
	g->state = GENERATION_FAILED;
	g->exit_code = code;
	if (m->serving != NULL)
		log_errorx("reload failed, generation %u serves on: %s",
		    m->serving->number, text);
	else
		fprintf(stderr, "fastrd: %s\n", text);
	for (int i = 0; i < MASTER_MAX_CHILDREN; i++)
		if (m->children[i].pid != 0 && m->children[i].generation == g)
			master_child_end(&m->children[i], END_GRACE_MS);
	if (m->serving == NULL) {
		m->stopping = true;
		m->exit_code = code;
	}
}

void
master_generation_drain(struct master *m, struct master_generation *g, uint64_t ms)
{
	g->state = GENERATION_DRAINING;
	for (int i = 0; i < MASTER_MAX_CHILDREN; i++) {
		struct master_child *c = &m->children[i];

		if (c->pid == 0 || c->generation != g)
			continue;
		if (c->role == ROLE_LOADER)
			master_child_end(c, END_GRACE_MS);
		else
			master_worker_drain(c, ms);
	}
}

void
master_generation_bury(struct master_generation *g)
{
	if (g->table_fd >= 0)
		close(g->table_fd);
	g->table_fd = -1;
	g->state = GENERATION_NONE;
}
