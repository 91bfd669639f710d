/*
 * reread: at a reload the file is read again.
 *
 * Called by generation.c at SIGHUP and when a generation is gone, by master.c when the helper
 * has said something, and by develop.c (free). What is wrong in the file refuses the reload. Settings
 * that count at the start only keep their values, and are named.
 *
 * Logs: "reload failed, generation N serves on: FILE:LINE: CAUSE", "KEYS in FILE: as before until
 * fastrd is restarted".
 */
#include "master/reread.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "master/conf.h"
#include "master/file.h"
#include "master/judge.h"
#include "master/logs.h"
#include "master/master.h"
#include "master/shortage.h"

static void
mistake(void *arg, const char *text)
{
	struct master *m = arg;

	m->reread.mistakes++;
	master_generation_refused(m, text);
}

static bool
differs(const struct conf *a, const struct conf *b, const struct conf_row *row)
{
	char before[32], after[32];

	if (conf_is_text(row))
		return strcmp(conf_text(a, row), conf_text(b, row)) != 0;
	conf_print(a, row, before, sizeof(before));
	conf_print(b, row, after, sizeof(after));
	return strcmp(before, after) != 0;
}

/* What counts at the start only is as it was then, and named if the file has changed it. */
static void
keep(const struct master *m, struct master_conf *c)
{
	char names[512] = "";
	size_t n = 0;

	for (size_t i = 0; i < CONF_COUNT; i++) {
		const struct conf_row *row = &conf_rows[i];

		if ((row->marks & CONF_RESTART) == 0)
			continue;
		if (differs(&m->conf->values, &c->values, row) && n < sizeof(names))
			n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s", n > 0 ? ", " : "",
			    row->name);
		conf_copy(&c->values, &m->conf->values, row);
		c->origins[i] = m->conf->origins[i];
	}
	if (n > 0)
		log_warnx("%s in %s: as before until fastrd is restarted", names,
		    c->file != NULL ? c->file : "no file");
}

/* The file's answer, or NULL: there is no file. */
static void
finish(struct master *m, char *answer)
{
	static char none[] = "end\t\t\t\n";
	const struct master_complaints to = { .say = mistake, .arg = m };
	struct master_conf *c = calloc(1, sizeof(*c));
	int rc;
	char text[256], why[MASTER_LOGS_WHY_BYTES];

	if (c == NULL) {
		mistake(m, master_shortage_text(text, sizeof(text), "read the configuration", errno));
		return;
	}
	arena_init(&c->texts, CONF_WHY_BYTES);
	c->program = m->conf->program;
	c->argc = m->conf->argc;
	c->argv = m->conf->argv;
	rc = master_conf_reread(c, answer != NULL ? answer : none, &to);
	if (master_judge(c, &to) < 0 || rc < 0) {
		if (m->reread.mistakes == 0)
			mistake(m, "its environment has changed");
		master_reread_free(m, c);
		return;
	}
	if (m->conf->file != NULL && c->file == NULL) {
		snprintf(text, sizeof(text), "%.200s says nothing of fastrd any more", m->conf->file);
		mistake(m, text);
		master_reread_free(m, c);
		return;
	}
	/* It makes paths whole, as those of the start are. */
	if (master_logs_check(c, why) < 0) {
		mistake(m, why);
		master_reread_free(m, c);
		return;
	}
	keep(m, c);
	if (m->stopping)
		master_reread_free(m, c);
	else if (m->conf->values.reload)
		master_develop_load(m, c);
	else
		master_generation_load(m, c);
}

void
master_reread_begin(struct master *m)
{
	char path[PATH_MAX], text[256];

	m->reread.mistakes = 0;
	/* The one that was read at the start, wherever what it says would lead. */
	if (m->conf->file != NULL) {
		snprintf(path, sizeof(path), "%s", m->conf->file);
	} else if (!master_file_find(m->conf, path)) {
		finish(m, NULL);
		return;
	}
	if (master_helper_start(&m->reread.helper, m->python, "file", path) == 0)
		m->reread.runs = true;
	else
		mistake(m, master_shortage_text(text, sizeof(text), "read the configuration", errno));
}

void
master_reread_look(struct master *m)
{
	enum master_helper_state state = master_helper_read(&m->reread.helper, clock_monotonic_ms());
	char text[PATH_MAX + 64];

	if (state == HELPER_RUNS)
		return;
	m->reread.runs = false;
	if (state == HELPER_DONE) {
		finish(m, m->reread.helper.bytes);
		return;
	}
	snprintf(text, sizeof(text), "%s %s", m->python, state == HELPER_LATE ? MASTER_HELPER_IS_LATE :
	    "cannot read the configuration; see what it printed");
	mistake(m, text);
}

void
master_reread_free(struct master *m, const struct master_conf *conf)
{
	struct master_conf *own = (struct master_conf *)(uintptr_t)conf;

	if (conf == NULL || conf == m->conf)
		return;
	master_conf_fini(own);
	free(own);
}
