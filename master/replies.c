/*
 * replies: one row per word of base/wire.h.
 *
 * Called by master.c when a channel is readable, and by reap.c for what a dead child
 * said last. Any code of the application's can write to its channel: a word out of its
 * turn is ignored, and FAILED from a worker that drains is only logged; a number is
 * checked where it is used.
 *
 * Logs: "worker N: TEXT", what a worker says with READY or FAILED, "worker N serves as process N".
 */
#include "master/replies.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/wire.h"
#include "master/master.h"
#include "master/origin.h"
#include "master/python.h"
#include "master/spare.h"
#include "master/zygote.h"

/* Room for why a child cannot go on. */
enum { WHY_BYTES = WIRE_MESSAGE_MAX + 2 * PATH_MAX + 8 };

/* BEGUN */
static void
heard_begun(struct master *m, struct master_child *c, const char *rest)
{
	(void)m;
	(void)rest;
	c->begun = true;
}

/* FORKED PID */
static void
heard_forked(struct master *m, struct master_child *c, const char *rest)
{
	master_zygote_forked(m, c, rest);
}

/* APP NAME */
static void
heard_app(struct master *m, struct master_child *c, const char *rest)
{
	(void)m;
	if (c->loads)
		snprintf(c->generation->app, sizeof(c->generation->app), "%s", rest);
}

/* ROUTES TEXT */
static void
heard_routes(struct master *m, struct master_child *c, const char *rest)
{
	(void)m;
	if (c->loads)
		snprintf(c->generation->routes, sizeof(c->generation->routes), "%s", rest);
}

/* EXCUSED TEXT */
static void
heard_excused(struct master *m, struct master_child *c, const char *rest)
{
	(void)m;
	if (c->loads)
		snprintf(c->generation->excused, sizeof(c->generation->excused), "%s", rest);
}

/* DOCS PATH */
static void
heard_docs(struct master *m, struct master_child *c, const char *rest)
{
	(void)m;
	if (c->loads)
		snprintf(c->generation->docs, sizeof(c->generation->docs), "%s", rest);
}

/* IMPORTED */
static void
heard_imported(struct master *m, struct master_child *c, const char *rest)
{
	bool again = c->imported;

	(void)rest;
	c->imported = true;
	if (again)
		return;
	if (c->told_to_end)
		return;
	if (c->role == ROLE_SPARE)
		master_spare_ready(m, c);
	else if (c->role == ROLE_ZYGOTE)
		c->state = CHILD_READY;
	if ((c->role == ROLE_ZYGOTE || c->loads) && c->generation == m->coming)
		master_generation_imported(m, c->generation);
}

/* DONE SIZE PYTHON FASTAPI */
static void
heard_done(struct master *m, struct master_child *c, const char *rest)
{
	struct master_generation *g = c->generation;
	unsigned long long size;

	if (!c->loads || g->state != GENERATION_LOADING)
		return;
	if (sscanf(rest, "%llu %31s %31s", &size, g->python, g->framework) != 3) {
		master_generation_failed(m, g, WIRE_EXIT_BUG,
		    "what the first worker says of the table is not understood");
		return;
	}
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
	if (c->generation == m->serving) {
		log_info("%s serves as process %ld", master_child_name(c, name), (long)c->pid);
		master_worker_serve(m, c);
	}
	else
		master_generation_ready(m, c->generation);
}

static void
replacement_failed(struct master *m, const struct master_child *c, const char *why)
{
	char name[MASTER_NAME_BYTES], text[WHY_BYTES + 2];

	snprintf(text, sizeof(text), ": %s", why);
	if (!master_recycle_put_off(m, c, text))
		master_stranded_note(m, master_child_name(c, name), text);
}

/* FAILED EXIT-CODE TEXT */
static void
heard_failed(struct master *m, struct master_child *c, const char *rest)
{
	struct master_generation *g = c->generation;
	const char *space = strchr(rest, ' ');
	const char *why = space != NULL ? space + 1 : "no reason given";
	long code = strtol(rest, NULL, 10);
	bool replacement = g == m->serving && c->state == CHILD_STARTING && !c->told_to_end;
	char name[MASTER_NAME_BYTES], text[WHY_BYTES];

	if (c->state == CHILD_FAILED)
		return;
	if (code == WIRE_EXIT_PYTHON) {
		master_python_unfit(m->python, why, text, sizeof(text));
		why = text;
	} else {
		why = master_origin_locate(g->conf, why, text, sizeof(text));
	}
	if (c->state != CHILD_DRAINING)		/* its slot may have its next worker */
		c->state = CHILD_FAILED;
	if (g == m->coming)
		master_generation_failed(m, g,
		    code > WIRE_EXIT_OK && code <= WIRE_EXIT_TABLE ? (int)code : WIRE_EXIT_BUG, why);
	else if (c->role == ROLE_SPARE && g == m->serving && !c->told_to_end)
		master_spare_failed(m, why);
	else if (replacement)
		replacement_failed(m, c, why);
	else if (g->state != GENERATION_FAILED)
		log_errorx("%s: %s", master_child_name(c, name), why);
}

/* LEAVING CAUSE */
static void
heard_leaving(struct master *m, struct master_child *c, const char *rest)
{
	char order[64];

	if (c->role != ROLE_WORKER || c->state == CHILD_DRAINING)
		return;		/* it has its order */
	if (c->state == CHILD_SERVING && !c->told_to_end && c->generation == m->serving) {
		master_recycle_retire(m, c, strcmp(rest, WIRE_CAUSE_LOOP) == 0 ? RETIRE_LOOP :
		    RETIRE_TERM, clock_monotonic_ms());
		return;
	}
	if (c->state == CHILD_SERVING) {	/* its generation is parked */
		master_worker_drain(c, master_worker_grace_ms(m), m->serving != NULL);
		return;
	}
	/* It has no successor, and no connection to give. */
	snprintf(order, sizeof(order), "%s %llu", WIRE_DRAIN,
	    (unsigned long long)master_worker_grace_ms(m));
	master_child_order(c, order);
}

/* ENDED */
static void
heard_ended(struct master *m, struct master_child *c, const char *rest)
{
	(void)m;
	(void)rest;
	c->ended = c->role == ROLE_WORKER;
}

static const struct {
	const char *word;
	void (*heard)(struct master *m, struct master_child *c, const char *rest);
} rows[] = {
	{ WIRE_BEGUN, heard_begun },
	{ WIRE_FORKED, heard_forked },
	{ WIRE_APP, heard_app },
	{ WIRE_DOCS, heard_docs },
	{ WIRE_ROUTES, heard_routes },
	{ WIRE_EXCUSED, heard_excused },
	{ WIRE_IMPORTED, heard_imported },
	{ WIRE_DONE, heard_done },
	{ WIRE_READY, heard_ready },
	{ WIRE_FAILED, heard_failed },
	{ WIRE_LEAVING, heard_leaving },
	{ WIRE_ENDED, heard_ended },
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
	/* Before it has said who it is, nothing else of a worker counts that a zygote was to fork. */
	if (c->pid == MASTER_PID_UNKNOWN && strcmp(text, WIRE_FORKED) != 0)
		return true;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(text, rows[i].word) == 0)
			rows[i].heard(m, c, space != NULL ? space + 1 : "");
	return true;
}
