/*
 * develop: end, wait, load.
 *
 * Called by generation.c (reload, begin, failed, refused), reread.c (load) and master.c (look).
 *
 * Logs: "CAUSE; waiting for a change".
 */
#include "master/develop.h"

#include <stdio.h>

#include "base/log.h"
#include "base/must.h"
#include "base/wire.h"
#include "master/conf.h"
#include "master/master.h"

/* What a request has left when a file has changed, unless the operator says how long: a page that
 * is open, as of server-sent events, would hold every reload. Under `fastrd dev` the configuration
 * file does not say it, see preset.c. */
enum { GRACE_MS = 500 };

static uint64_t
grace_ms(const struct master *m)
{
	const struct master_conf *c = m->conf;
	uint64_t ms = master_worker_grace_ms(m);
	bool said = c->origins[CONF_timeout_graceful_shutdown].kind >
	    (c->preset == PRESET_DEV ? ORIGIN_COMMAND : ORIGIN_DEFAULT);

	return !said && ms > GRACE_MS ? GRACE_MS : ms;
}

void
master_develop_reload(struct master *m)
{
	if (m->coming != NULL)
		master_generation_abort(m, m->coming);
}

void
master_develop_begin(struct master *m)
{
	if (m->conf->values.reload)
		master_watch_again(&m->watch);
}

static void
load_next(struct master *m, const struct master_conf *conf, const char *excuse)
{
	if (m->develop.conf != NULL && m->develop.conf != conf)
		master_reread_free(m, m->develop.conf);
	m->develop.conf = conf;
	snprintf(m->develop.excuse, sizeof(m->develop.excuse), "%s", excuse);
}

void
master_develop_load(struct master *m, const struct master_conf *conf)
{
	load_next(m, conf, "");
	if (m->serving == NULL)
		return;
	if (conf->values.workers != master_generation_conf(m)->workers)
		m->n_workers = (unsigned)conf->values.workers;
	master_generation_drain(m, m->serving, grace_ms(m));
}

void
master_develop_look(struct master *m)
{
	const struct master_conf *conf = m->develop.conf;

	/* What is being read now goes before what waits. */
	if (conf == NULL || m->stopping || m->reread.runs ||
	    master_child_next(&m->children, NULL, NULL) != NULL)
		return;
	must(m->coming == NULL && m->serving == NULL);
	m->develop.conf = NULL;
	master_generation_load(m, conf);
}

/* The start's configuration is there as long as the master is. */
static void
excuse(struct master *m, const char *text)
{
	log_errorx("%s; waiting for a change", text);
	if (m->reload.begun > 0)
		master_reload_fail(m, text);
	load_next(m, m->conf, text);
}

bool
master_develop_failed(struct master *m, const struct master_generation *g, int code, const char *text)
{
	bool page = g->excuse[0] != '\0';

	if (!m->conf->values.reload || m->stopping)
		return false;
	/* No Python, or settings that nobody can serve with. */
	if (!m->opened && (page || code == WIRE_EXIT_PYTHON || code == WIRE_EXIT_USAGE))
		return false;
	if (page)
		log_errorx("%s; waiting for a change", text);
	else
		excuse(m, text);
	return true;
}

void
master_develop_refused(struct master *m, const char *text)
{
	excuse(m, text);
}
