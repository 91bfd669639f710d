/*
 * generation: load, start, swap, drain.
 *
 * Called by signals.c (reload, stop), orders.c (reload), upgrade.c (drain), takeover.c (ready),
 * reread.c (load), replies.c (progress), reap.c (failures), master.c (start, clock, burial),
 * probation.c (drain), watch.c (reload), develop.c (abort, drain, load), and by watchdog.c,
 * workers.c, spare.c, warm.c, recycle.c and notify.c for the configuration. A failure here never touches the
 * generation that serves. generation.h draws the states and the walk of a reload.
 *
 * Logs: "SIGNAL by process N: reloading", "reload put off: earlier generations are still
 * draining", "reload put off: an upgrade runs", "reload failed, generation N serves on: CAUSE",
 * "generation N serves: ROUTES; reloaded in N s", "generation N: loaded", "generation N: draining",
 * "generation N: gone".
 * While none serves it prints "fastrd: CAUSE", and the banner.
 */
#include "master/generation.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "base/wire.h"
#include "master/banner.h"
#include "master/conf.h"
#include "master/doing.h"
#include "master/listen.h"
#include "master/logs.h"
#include "master/master.h"
#include "master/overdue.h"
#include "master/shortage.h"
#include "master/zygote.h"
#include "shm/segment.h"

/* NULL: too many drain. */
static struct master_generation *
record_free(struct master *m)
{
	for (int i = 0; i < MASTER_MAX_GENERATIONS; i++)
		if (m->generations[i].state == GENERATION_NONE)
			return &m->generations[i];
	return NULL;
}

const struct conf *
master_generation_conf(const struct master *m)
{
	return &(m->serving != NULL ? m->serving->conf : m->conf)->values;
}

void
master_generation_load(struct master *m, const struct master_conf *conf)
{
	bool scaled = m->serving != NULL && conf->values.workers != master_generation_conf(m)->workers;
	struct master_generation *g = record_free(m);
	char text[256];

	must(g != NULL && m->coming == NULL);
	m->put_off_logged = false;
	*g = (struct master_generation){ .state = GENERATION_LOADING,
	    .number = ++m->generation_count,
	    .conf = conf,
	    .n_workers = scaled ? (unsigned)conf->values.workers : m->n_workers,
	    .since_ms = clock_monotonic_ms(),
	    .start_by_ms = clock_monotonic_ms() + conf->values.timeout_startup_ms };
	m->coming = g;
	snprintf(g->excuse, sizeof(g->excuse), "%s", m->develop.excuse);
	m->develop.excuse[0] = '\0';
	/* Of a reload once more: its time-out may be another now. */
	master_notify(m, m->opened ? NOTICE_RELOADING : NOTICE_STARTING);
	master_takeover_loads(m, conf->values.timeout_startup_ms);
	g->table_fd = shm_segment_create("fastrd-table");
	if (g->table_fd < 0 || (conf->values.preload ? master_zygote_start(m, g) :
	    master_worker_start(m, g, 0)) < 0)
		master_generation_failed(m, g, WIRE_EXIT_BUG,
		    master_shortage_text(text, sizeof(text), "load the application", errno));
}

/* Start the workers of `g` from this slot on. */
static void
workers_start(struct master *m, struct master_generation *g, unsigned slot)
{
	char text[256];

	for (; slot < g->n_workers && g == m->coming; slot++)
		if (master_worker_start(m, g, slot) < 0)
			master_generation_failed(m, g, WIRE_EXIT_BUG, master_shortage_text(
			    text, sizeof(text), "start the workers", errno));
}

void
master_generation_imported(struct master *m, struct master_generation *g)
{
	bool forked = master_zygote_of(m, g) != NULL;

	must(g == m->coming);
	workers_start(m, g, forked ? 0 : 1);
}

/* Can one begin, now that none is coming? That it cannot is logged once. */
static bool
reload_may(struct master *m)
{
	bool upgrade = master_upgrade_runs(m), full = record_free(m) == NULL;

	if (upgrade && !m->put_off_logged)
		log_info("reload put off: an upgrade runs");
	else if (full && !m->put_off_logged)
		log_warnx("reload put off: earlier generations are still draining");
	m->put_off_logged |= upgrade || full;
	return !upgrade && !full;
}

void
master_generation_reload(struct master *m)
{
	if (m->stopping)
		return;
	m->reload_due = true;
	if (m->conf->values.reload)
		master_develop_reload(m);
	else if (m->serving == NULL)
		return;
	if (m->coming != NULL || m->reread.runs || !reload_may(m))
		return;
	m->reload_due = false;
	log_info("%s%sreloading", m->reload_by, *m->reload_by != '\0' ? ": " : "");
	m->reload_by[0] = '\0';
	master_reload_begin(m);
	master_develop_begin(m);
	master_notify(m, NOTICE_RELOADING);
	master_reread_begin(m);
}

/* Seal what was written and keep only a read-only descriptor. NULL, or why not. */
static const char *
table_seal(struct master_generation *g, uint64_t size)
{
	int fd;

	if (size > (uint64_t)g->conf->values.table_limit)
		return "the route table is larger than --table-limit";
	if (shm_segment_size(g->table_fd) != (int64_t)size)
		return "the route table has another size than was announced";
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
	struct master_child *c = NULL;
	const char *why;

	must(g == m->coming && g->state == GENERATION_LOADING);
	why = table_seal(g, size);
	if (why != NULL) {
		master_generation_failed(m, g, WIRE_EXIT_TABLE, why);
		return;
	}
	g->state = GENERATION_STARTING;
	log_debug("generation %u: loaded", g->number);
	while ((c = master_child_next(&m->children, g, c)) != NULL)
		if (c->role == ROLE_WORKER)
			master_worker_table(c);
}

static unsigned
count_ready(struct master *m, const struct master_generation *g)
{
	struct master_child *c = NULL;
	unsigned n = 0;

	while ((c = master_child_next(&m->children, g, c)) != NULL)
		n += c->role == ROLE_WORKER && c->state == CHILD_READY;
	return n;
}

/* Let clients come, now that somebody is there for them. */
static bool
opened(struct master *m)
{
	int rc = master_listen_start(m->listeners, (int)m->conf->values.backlog);

	m->opened = rc == 0;
	if (rc == 0)
		return true;
	m->exit_code = rc;
	m->stopping = true;
	return false;
}

/* `g` takes the place of the one that serves. */
static void
swap(struct master *m, struct master_generation *g)
{
	struct master_generation *old = m->serving;
	struct master_child *c = NULL;
	bool first = !m->opened;

	if (first && !opened(m)) {
		master_generation_drain(m, g, 0);
		return;
	}
	m->serving = g;
	m->coming = NULL;
	if (old != NULL)
		old->n_workers = m->n_workers;
	m->n_workers = g->n_workers;
	g->state = GENERATION_SERVING;
	master_logs_follow(m, &g->conf->values);
	memset(m->slots, 0, sizeof(m->slots));	/* what was due was the old one's */
	while ((c = master_child_next(&m->children, g, c)) != NULL)
		if (c->role == ROLE_WORKER)
			master_worker_serve(m, c);
	if (first) {
		master_banner_print(m, g);
		master_logs_begin(m);
		master_takeover_done(m);
	} else {
		log_info("generation %u serves: %s; reloaded in %.1f s", g->number, g->routes,
		    (double)(clock_monotonic_ms() - g->since_ms) / 1000);
		if (old != NULL)
			master_probation_begin(m, old);
	}
	/* A file may have changed before the first one served. */
	if (g->excused[0] != '\0')
		master_reload_fail(m, g->excused);
	else
		master_reload_serves(m);
	master_notify(m, NOTICE_READY);
}

void
master_generation_ready(struct master *m, struct master_generation *g)
{
	if (g->state == GENERATION_STARTING && count_ready(m, g) == g->n_workers &&
	    master_takeover_may(m))
		swap(m, g);
}

void
master_generation_refused(struct master *m, const char *text)
{
	if (m->serving == NULL) {
		if (m->conf->values.reload && m->coming == NULL)
			master_develop_refused(m, text);
		return;
	}
	log_errorx("reload failed, generation %u serves on: %s", m->serving->number, text);
	master_reload_fail(m, text);
	master_notify(m, NOTICE_READY);
}

void
master_generation_abort(struct master *m, struct master_generation *g)
{
	struct master_child *c = NULL;

	must(g == m->coming);
	m->coming = NULL;
	g->state = GENERATION_FAILED;
	while ((c = master_child_next(&m->children, g, c)) != NULL)
		master_child_end(c);
}

void
master_generation_failed(struct master *m, struct master_generation *g, int code,
    const char *text)
{
	master_generation_abort(m, g);
	if (master_develop_failed(m, g, code, text))
		return;
	if (m->serving != NULL) {
		master_generation_refused(m, text);
	} else {
		fprintf(stderr, "fastrd: %s\n", text);
		m->stopping = true;
		m->exit_code = code;
	}
}

void
master_generation_overdue(struct master *m, struct master_generation *g, uint64_t now_ms)
{
	struct master_child *c = NULL;
	char text[64 + MASTER_DOING_BYTES], doing[MASTER_DOING_BYTES];

	/* One is enough: the others do the same. */
	while ((c = master_child_next(&m->children, g, c)) != NULL)
		if (c->state == CHILD_STARTING)
			break;
	if (c != NULL && !c->overdue && c->begun) {
		master_overdue_tell(m, c, now_ms);
		g->start_by_ms = now_ms + MASTER_STACKS_MS;
		return;
	}
	snprintf(text, sizeof(text), "the application did not start in time%s%s; see "
	    "--timeout-startup", c != NULL ? ": it hangs while " : "",
	    c != NULL ? master_doing_text(m, c, doing) : "");
	master_generation_failed(m, g, WIRE_EXIT_APP, text);
}

void
master_generation_drain(struct master *m, struct master_generation *g, uint64_t ms)
{
	bool others = m->upgrade.ceded || m->develop.conf != NULL ||
	    (m->serving != NULL && g != m->serving && !m->stopping);
	struct master_child *c = NULL;

	must(g->state != GENERATION_NONE);
	log_debug("generation %u: draining", g->number);
	g->state = GENERATION_DRAINING;
	if (g == m->coming)
		m->coming = NULL;
	if (g == m->serving)
		m->serving = NULL;
	if (g == m->probation.parked)
		m->probation.parked = NULL;
	while ((c = master_child_next(&m->children, g, c)) != NULL)
		if (c->role != ROLE_WORKER)
			master_child_end(c);
		else
			master_worker_drain(c, ms, others);
}

void
master_generations_drain(struct master *m, const struct master_generation *spared, uint64_t ms)
{
	for (int i = 0; i < MASTER_MAX_GENERATIONS; i++)
		if (m->generations[i].state != GENERATION_NONE && &m->generations[i] != spared)
			master_generation_drain(m, &m->generations[i], ms);
}

static void
bury(struct master *m, struct master_generation *g)
{
	master_reread_free(m, g->conf);
	g->conf = NULL;
	if (g->table_fd >= 0)
		close(g->table_fd);
	g->table_fd = -1;
	g->state = GENERATION_NONE;
	log_debug("generation %u: gone", g->number);
}

void
master_generations_bury(struct master *m)
{
	for (int i = 0; i < MASTER_MAX_GENERATIONS; i++) {
		struct master_generation *g = &m->generations[i];

		if ((g->state == GENERATION_DRAINING || g->state == GENERATION_FAILED) &&
		    master_child_next(&m->children, g, NULL) == NULL)
			bury(m, g);
	}
}
