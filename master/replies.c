/*
 * replies: one row per word of base/wire.h.
 *
 * Called by master.c when a channel is readable, and by reap.c for what a dead child
 * said last. Any code of the application's can write to its channel: a word out of its
 * turn is ignored, and FAILED from a worker that drains is only logged; a number is
 * checked where it is used.
 *
 * Logs: "worker N: TEXT", what a worker says with READY or FAILED.
 */
#include "master/replies.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/wire.h"
#include "master/master.h"

/* BEGUN */
static void
heard_begun(struct master *m, struct master_child *c, const char *rest)
{
	(void)m;
	(void)rest;
	c->begun = true;
}

/* DONE SIZE COMPILED ASGI PYTHON FASTAPI */
static void
heard_done(struct master *m, struct master_child *c, const char *rest)
{
	struct master_generation *g = c->generation;
	unsigned long long size;

	if (c->role != ROLE_LOADER || g->state != GENERATION_LOADING)
		return;
	if (sscanf(rest, "%llu %u %u %31s %31s", &size, &g->n_compiled, &g->n_asgi,
		g->python, g->framework) != 5) {
		master_generation_failed(m, g, WIRE_EXIT_BUG, "the loader's reply is not understood");
		return;
	}
	c->state = CHILD_READY;
	master_generation_loaded(m, g, size);
}

/* READY [TEXT] */
static void
heard_ready(struct master *m, struct master_child *c, const char *rest)
{
	char name[MASTER_NAME_BYTES];

	if (c->role != ROLE_WORKER || c->state != CHILD_STARTING || c->told_to_end)
		return;
	c->state = CHILD_READY;
	c->kill_at_ms = 0;
	if (*rest != '\0')
		log_warnx("%s: %s", master_child_name(c, name), rest);
	if (c->generation == m->serving)
		master_worker_serve(c);
	else
		master_generation_ready(m, c->generation);
}

/* FAILED EXIT-CODE TEXT */
static void
heard_failed(struct master *m, struct master_child *c, const char *rest)
{
	struct master_generation *g = c->generation;
	const char *space = strchr(rest, ' ');
	const char *why = space != NULL ? space + 1 : "no reason given";
	long code = strtol(rest, NULL, 10);
	char name[MASTER_NAME_BYTES];

	if (c->state == CHILD_FAILED)
		return;
	if (c->state != CHILD_DRAINING)		/* its slot may have its next worker */
		c->state = CHILD_FAILED;
	if (g == m->coming)
		master_generation_failed(m, g,
		    code > WIRE_EXIT_OK && code <= WIRE_EXIT_TABLE ? (int)code : WIRE_EXIT_BUG, why);
	else if (g->state != GENERATION_FAILED)
		log_errorx("%s: %s", master_child_name(c, name), why);
}

static const struct {
	const char *word;
	void (*heard)(struct master *m, struct master_child *c, const char *rest);
} rows[] = {
	{ WIRE_BEGUN, heard_begun },
	{ WIRE_DONE, heard_done },
	{ WIRE_READY, heard_ready },
	{ WIRE_FAILED, heard_failed },
};

bool
master_replies_read(struct master *m, struct master_child *c)
{
	char text[WIRE_MESSAGE_MAX + 1], *space;

	if (!master_child_receive(c, text))
		return false;
	space = strchr(text, ' ');
	if (space != NULL)
		*space = '\0';
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(text, rows[i].word) == 0)
			rows[i].heard(m, c, space != NULL ? space + 1 : "");
	return true;
}
