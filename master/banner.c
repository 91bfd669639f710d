/*
 * banner: address, workers, versions, routes.
 *
 * Called by generation.c when the first generation serves. These lines are printed as
 * they are, without time and level: for a person at a terminal. Whoever wants the log as objects
 * reads all of it with a program: each line is an entry of the log then.
 *
 * Logs: beside --log-format json only, "fastrd VERSION serves APP", and a line for each fact.
 */
#include "master/banner.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "master/conf.h"
#include "master/listen.h"
#include "master/master.h"

/* A word as a shell reads it. */
static void
word_print(FILE *out, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789_-./:=+,@%";

	if (*word != '\0' && word[strspn(word, plain)] == '\0') {
		fprintf(out, " %s", word);
		return;
	}
	fprintf(out, " '");
	for (const char *p = word; *p != '\0'; p++)
		if (*p == '\'')
			fprintf(out, "'\\''");
		else
			fputc(*p, out);
	fputc('\'', out);
}

/* The setting as a flag, unless it is the default. */
static void
flag_print(FILE *out, const struct conf *values, const struct conf *defaults,
    const struct conf_row *row)
{
	char value[32], name[CONF_NAME_BYTES];

	if (row->type == CONF_TEXT) {
		if (*conf_text(values, row) == '\0')
			return;
	} else if (conf_number(values, row) == conf_number(defaults, row)) {
		return;
	}
	fprintf(out, " --%s", conf_flag(row, name));
	if (row->type == CONF_TEXT) {
		word_print(out, conf_text(values, row));
	} else if (row->type != CONF_SWITCH) {
		conf_print(values, row, value, sizeof(value));
		word_print(out, value);
	}
}

/* What shows every route of this application when it is pasted into the same shell:
 * fastrd as it was called, with what decides which application that is. */
static void
command_print(FILE *out, const struct master_conf *c)
{
	static const enum conf_key keys[] = { CONF_python, CONF_app_dir, CONF_factory,
		CONF_table_limit };
	struct conf defaults;

	conf_init(&defaults);
	fprintf(out, "  details ");
	word_print(out, c->program);
	fprintf(out, " routes");
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		flag_print(out, &c->values, &defaults, &conf_rows[keys[i]]);
	if (*c->app != '\0')
		word_print(out, c->app);
	fputc('\n', out);
}

static void line(FILE *out, const char *label, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* One fact of the banner; without `out` it is an entry of the log. */
static void
line(FILE *out, const char *label, const char *fmt, ...)
{
	char text[PIPE_BUF];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (out == NULL)
		log_info("%s %s", label, text);
	else
		fprintf(out, "  %-8s %s\n", label, text);
}

/* What a developer wants to know. */
static void
development_print(FILE *out, const struct master *m, const struct master_generation *g)
{
	const char *address = m->listeners->n > 0 ? m->listeners->texts[0] : "";
	char text[PATH_MAX + 64];

	if (g->docs[0] != '\0' && strncmp(address, "http", 4) == 0)
		line(out, "docs", "%.*s%s", (int)strcspn(address, " "), address, g->docs);
	if (master_watch_text(&m->watch, text) != NULL)
		line(out, "reload", "%s; Ctrl-C ends it", text);
}

static void
facts_print(FILE *out, const struct master *m, const struct master_generation *g)
{
	bool known = g->framework[0] != '-';

	if (out == NULL)
		log_info("fastrd %s serves %s", PACKAGE_VERSION, g->app);
	else
		fprintf(out, "fastrd %s serves %s\n", PACKAGE_VERSION, g->app);
	for (size_t i = 0; i < m->listeners->n; i++)
		line(out, "address", "%s", m->listeners->texts[i]);
	if (g->conf->values.reload)
		development_print(out, m, g);
	line(out, "workers", "%u (master %ld)", m->n_workers, (long)getpid());
	if (m->conf->file != NULL)
		line(out, "config", "%s", m->conf->file);
	line(out, "python", "%s (%s)", g->python, m->python);
	if (known)
		line(out, "fastapi", "%s", g->framework);
	line(out, "routes", "%s", g->routes);
	if (known && out != NULL)
		command_print(out, m->conf);
}

void
master_banner_print(const struct master *m, const struct master_generation *g)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out;

	if (g->conf->values.log_format == LOG_FORMAT_JSON) {
		facts_print(NULL, m, g);
		return;
	}
	/* In one piece: what others print at the same time does not come between its lines. */
	out = open_memstream(&text, &len);
	facts_print(out != NULL ? out : stderr, m, g);
	if (out != NULL && fclose(out) == 0)
		fwrite(text, 1, len, stderr);
	free(text);
}
