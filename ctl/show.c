/*
 * show: tables of what is.
 *
 * Called by fastrdctl.c. It takes what an answer has: a server of another version may have less, or more.
 */
#include "ctl/show.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/json.h"
#include "ctl/pss.h"
#include "ctl/text.h"

enum { LINE_BYTES = 2048, ORIGIN_COLUMN = 48 };

static void row(const char *label, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A line of the status. */
static void
row(const char *label, const char *fmt, ...)
{
	char text[LINE_BYTES], plain[LINE_BYTES];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	printf("  %-11s %s\n", label, ctl_text_plain(text, plain, sizeof(plain)));
}

/* The texts of a list, one after the other. */
static void
texts_row(const char *label, const struct ctl_value *list)
{
	for (const struct ctl_value *v = ctl_json_first(list); v != NULL; v = v->next)
		if (v->kind == CTL_TEXT)
			row(label, "%s", v->text);
}

static void
reload_row(const struct ctl_value *r)
{
	const char *state = ctl_json_text(r, "state");
	double seconds = ctl_json_number(r, "seconds"), now_s = (double)clock_unix_ms() / 1000;
	char took[CTL_CELL_BYTES], ago[CTL_CELL_BYTES];

	ctl_text_span(seconds, took);
	ctl_text_span(now_s - ctl_json_number(r, "at"), ago);
	if (strcmp(state, "running") == 0)
		row("reload", "runs for %s", took);
	else if (strcmp(state, "failed") == 0)
		row("reload", "failed %s ago: %s", ago, ctl_json_text(r, "error"));
	else if (strcmp(state, "done") == 0)
		row("reload", "done %s ago, in %s", ago, took);
	else
		row("reload", "none yet");
	if (ctl_json_truth(r, "put_off"))
		row("", "another is put off until it can begin");
}

static void
counters_rows(const struct ctl_value *c)
{
	row("requests", "%.0f: %.0f compiled, %.0f replayed, %.0f through ASGI, %.0f refused",
	    ctl_json_number(c, "requests"), ctl_json_number(c, "compiled"), ctl_json_number(c, "replayed"),
	    ctl_json_number(c, "asgi"), ctl_json_number(c, "refused"));
	row("answers", "%.0f 2xx, %.0f 3xx, %.0f 4xx, %.0f 5xx", ctl_json_number(c, "answers_2xx"),
	    ctl_json_number(c, "answers_3xx"), ctl_json_number(c, "answers_4xx"),
	    ctl_json_number(c, "answers_5xx"));
	row("connections", "%.0f open, %.0f of them idle, %.0f accepted",
	    ctl_json_number(c, "connections_open"), ctl_json_number(c, "connections_idle"),
	    ctl_json_number(c, "connections_accepted"));
	row("websockets", "%.0f open, %.0f opened", ctl_json_number(c, "websockets_open"),
	    ctl_json_number(c, "websockets"));
}

void
ctl_show_status(const struct ctl_value *answer)
{
	const struct ctl_value *workers = ctl_json_get(answer, "workers");
	char head[LINE_BYTES], plain[LINE_BYTES], span[CTL_CELL_BYTES];
	double crashes = ctl_json_number(answer, "crashes"), lost = ctl_json_number(answer, "log_lost");

	snprintf(head, sizeof(head), "fastrd %s, process %.0f, up %s: %s", ctl_json_text(answer, "version"),
	    ctl_json_number(answer, "pid"), ctl_text_span(ctl_json_number(answer, "uptime"), span),
	    ctl_json_text(answer, "text"));
	printf("%s\n", ctl_text_plain(head, plain, sizeof(plain)));
	if (*ctl_json_text(answer, "app") != '\0')
		row("app", "%s: %s", ctl_json_text(answer, "app"), ctl_json_text(answer, "routes"));
	texts_row("address", ctl_json_get(answer, "addresses"));
	texts_row("admin", ctl_json_get(answer, "admin"));
	if (*ctl_json_text(answer, "config") != '\0')
		row("config", "%s", ctl_json_text(answer, "config"));
	row("workers", "%.0f of %.0f serve", ctl_json_number(workers, "serving"),
	    ctl_json_number(workers, "wanted"));
	for (const struct ctl_value *g = ctl_json_first(ctl_json_get(answer, "generations")); g != NULL;
	    g = g->next)
		row("generation", "%.0f: %s, %s old", ctl_json_number(g, "generation"),
		    ctl_json_text(g, "state"), ctl_text_span(ctl_json_number(g, "age"), span));
	reload_row(ctl_json_get(answer, "reload"));
	counters_rows(ctl_json_get(answer, "counters"));
	row("crashes", "%.0f%s", crashes, crashes > 0 ? "; see fastrdctl last-crash" : "");
	if (lost > 0)
		row("log", "%.0f line%s lost", lost, lost == 1 ? "" : "s");
}

/* A cell of a member: nothing where there is none. */
static void
count_cell(struct ctl_table *t, const struct ctl_value *of, const char *name)
{
	char text[CTL_CELL_BYTES] = "";

	if (ctl_json_get(of, name) != NULL)
		snprintf(text, sizeof(text), "%.0f", ctl_json_number(of, name));
	ctl_text_cell(t, text);
}

static void
span_cell(struct ctl_table *t, const struct ctl_value *of, const char *name)
{
	char text[CTL_CELL_BYTES] = "";

	if (ctl_json_get(of, name) != NULL)
		ctl_text_span(ctl_json_number(of, name), text);
	ctl_text_cell(t, text);
}

static void
bytes_cell(struct ctl_table *t, double bytes)
{
	char text[CTL_CELL_BYTES] = "";

	if (bytes > 0)
		ctl_text_bytes(bytes, text);
	ctl_text_cell(t, text);
}

static void
header(struct ctl_table *t, const char *const *names)
{
	for (; *names != NULL; names++, t->n_columns++)
		ctl_text_cell(t, *names);
}

void
ctl_show_workers(const struct ctl_value *answer)
{
	static const char *const names[] = { "NAME", "PID", "GENERATION", "STATE", "AGE", "REQUESTS",
		"IN HAND", "CONNECTIONS", "WEBSOCKETS", "RSS", "PSS", "CPU", "BEAT", NULL };
	const struct ctl_value *w = ctl_json_first(ctl_json_get(answer, "workers"));
	double master = ctl_json_number(answer, "pid");
	struct ctl_table t = { .n_columns = 0 };

	header(&t, names);
	for (; w != NULL; w = w->next) {
		ctl_text_cell(&t, ctl_json_text(w, "name"));
		count_cell(&t, w, "pid");
		count_cell(&t, w, "generation");
		ctl_text_cell(&t, ctl_json_text(w, "state"));
		span_cell(&t, w, "age");
		count_cell(&t, w, "requests");
		count_cell(&t, w, "in_hand");
		count_cell(&t, w, "connections");
		count_cell(&t, w, "websockets");
		bytes_cell(&t, ctl_json_number(w, "rss"));
		bytes_cell(&t, ctl_pss(ctl_json_number(w, "pid"), master));
		span_cell(&t, w, "cpu");
		span_cell(&t, w, "heartbeat");
	}
	ctl_text_table(&t);
}

void
ctl_show_requests(const struct ctl_value *answer)
{
	static const char *const names[] = { "WORKER", "PID", "AGE", "REQUEST", "ROUTE", NULL };
	const struct ctl_value *w = ctl_json_first(ctl_json_get(answer, "workers"));
	struct ctl_table t = { .n_columns = 0 };

	header(&t, names);
	for (; w != NULL; w = w->next) {
		char more[CTL_CELL_BYTES];

		for (const struct ctl_value *r = ctl_json_first(ctl_json_get(w, "requests")); r != NULL;
		    r = r->next) {
			ctl_text_cell(&t, ctl_json_text(w, "name"));
			count_cell(&t, w, "pid");
			span_cell(&t, r, "age");
			ctl_text_cell(&t, ctl_json_text(r, "request"));
			ctl_text_cell(&t, ctl_json_text(r, "route"));
		}
		if (ctl_json_number(w, "more") == 0)
			continue;
		snprintf(more, sizeof(more), "and %.0f more", ctl_json_number(w, "more"));
		ctl_text_cell(&t, ctl_json_text(w, "name"));
		count_cell(&t, w, "pid");
		ctl_text_cell(&t, "");
		ctl_text_cell(&t, more);
		ctl_text_cell(&t, "");
	}
	if (t.n_cells > t.n_columns)
		ctl_text_table(&t);
	else
		printf("no request in hand\n");
}

void
ctl_show_crashes(const struct ctl_value *answer)
{
	const struct ctl_value *c = ctl_json_first(ctl_json_get(answer, "crashes"));
	char when[CTL_CELL_BYTES], age[CTL_CELL_BYTES], text[LINE_BYTES];

	if (c == NULL)
		printf("no worker has crashed\n");
	for (; c != NULL; c = c->next) {
		ctl_text_plain(ctl_json_text(c, "text"), text, sizeof(text));
		printf("%s %s\n", ctl_text_time(ctl_json_number(c, "at"), when), text);
		printf("  process     %.0f of generation %.0f, %s old\n", ctl_json_number(c, "pid"),
		    ctl_json_number(c, "generation"), ctl_text_span(ctl_json_number(c, "age"), age));
		for (const struct ctl_value *r = ctl_json_first(ctl_json_get(c, "requests")); r != NULL;
		    r = r->next)
			row("request", "%s", ctl_json_text(r, "request"));
	}
}

void
ctl_show_config(const struct ctl_value *answer)
{
	const struct ctl_value *s = ctl_json_first(ctl_json_get(answer, "settings"));

	for (; s != NULL; s = s->next) {
		const struct ctl_value *value = ctl_json_get(s, "value");
		char name[CTL_CELL_BYTES], origin[LINE_BYTES];
		const char *text = value != NULL ? value->raw : "(hidden)";
		int n = value != NULL ? (int)value->raw_len : (int)strlen(text);

		ctl_text_plain(ctl_json_text(s, "name"), name, sizeof(name));
		ctl_text_plain(ctl_json_text(s, "origin"), origin, sizeof(origin));
		n = printf("%s = %.*s", name, n, text);
		printf("%*s  # %s\n", n < ORIGIN_COLUMN ? ORIGIN_COLUMN - n : 0, "", origin);
	}
}
