/*
 * orders: one row per word of base/control.h.
 *
 * Called by control.c. Orders do what a signal does, and none waits. What is only asked is report.c's.
 */
#include "master/orders.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/control.h"
#include "base/decimal.h"
#include "master/conf.h"
#include "master/json.h"
#include "master/logs.h"
#include "master/master.h"
#include "master/report.h"
#include "master/settings.h"
#include "master/signals.h"

enum { TEXT_BYTES = 768 };

/* Of one order. */
struct asked {
	const char *by;
	const char *argument;	/* behind the word; "": none */
	unsigned reload;	/* that is to end, with ORDER_WAITS_RELOAD */
};

void
master_orders_refuse(struct master_json *j, const char *cause, const char *remedy)
{
	char text[TEXT_BYTES];

	snprintf(text, sizeof(text), "%s%s%s", cause, remedy != NULL ? "; " : "",
	    remedy != NULL ? remedy : "");
	master_json_again(j);
	master_json_object(j, NULL);
	master_json_truth(j, "ok", false);
	master_json_text(j, "error", text);
	master_json_object_end(j);
}

/* An answer that says little more than that it was done begins. */
static void
done_begin(struct master_json *j)
{
	master_json_object(j, NULL);
	master_json_truth(j, "ok", true);
}

/* Where a traceback is. */
static void
log_put(const struct master *m, struct master_json *j)
{
	const char *path = m->conf->values.log_file;

	master_json_text(j, "log", *path != '\0' ? path : "the server's standard error");
}

static const char *
ending(const struct master *m)
{
	return m->upgrade.ceded ? "another fastrd serves in the place of this one" :
	    m->stopping ? "the server is ending" : NULL;
}

bool
master_orders_reloaded(struct master *m, unsigned reload, struct master_json *j)
{
	const struct master_reload *r = &m->reload;
	char text[TEXT_BYTES];

	/* Numbers may begin anew one day. */
	if ((int)(r->ended - reload) < 0 && ending(m) != NULL) {
		master_orders_refuse(j, ending(m), "see its log for what has become of the reload");
		return true;
	}
	if ((int)(r->ended - reload) < 0)
		return false;
	master_json_object(j, NULL);
	master_json_truth(j, "ok", !r->failed);
	if (r->failed) {
		snprintf(text, sizeof(text), "the reload has failed: %s", r->why);
		master_json_text(j, "error", text);
		log_put(m, j);
	}
	if (m->serving != NULL) {
		master_json_count(j, "generation", m->serving->number);
		master_json_text(j, "routes", m->serving->routes);
	}
	master_json_seconds(j, "seconds", r->took_ms);
	master_json_object_end(j);
	return true;
}

static enum master_order
reload(struct master *m, struct asked *a, struct master_json *j)
{
	bool wait = strcmp(a->argument, CONTROL_WAIT) == 0;

	if (*a->argument != '\0' && !wait) {
		master_orders_refuse(j, "want reload or reload " CONTROL_WAIT, NULL);
		return ORDER_DONE;
	}
	if (ending(m) != NULL) {
		master_orders_refuse(j, ending(m), NULL);
		return ORDER_DONE;
	}
	if (!m->reload_due)
		snprintf(m->reload_by, sizeof(m->reload_by), "%s", a->by);
	master_generation_reload(m);
	a->reload = m->reload.begun + m->reload_due;
	if (wait)
		return ORDER_WAITS_RELOAD;
	done_begin(j);
	master_json_truth(j, "put_off", m->reload_due);
	master_json_object_end(j);
	return ORDER_DONE;
}

static enum master_order
stop(struct master *m, struct asked *a, struct master_json *j)
{
	const struct conf *c = master_generation_conf(m);
	bool wait = strcmp(a->argument, CONTROL_WAIT) == 0;

	if (*a->argument != '\0' && !wait) {
		master_orders_refuse(j, "want stop or stop " CONTROL_WAIT, NULL);
		return ORDER_DONE;
	}
	done_begin(j);
	master_json_seconds(j, "seconds", (uint64_t)c->drain_delay_ms + c->timeout_graceful_shutdown_ms);
	master_json_object_end(j);
	master_signals_stop(m, a->by);
	if (wait)
		master_json_again(j);
	return wait ? ORDER_WAITS_END : ORDER_DONE;
}

void
master_orders_ended(struct master *m, struct master_json *j)
{
	done_begin(j);
	master_json_number(j, "status", m->exit_code);
	master_json_seconds(j, "seconds", clock_monotonic_ms() - m->stopping_since_ms);
	master_json_object_end(j);
}

static enum master_order
reopen(struct master *m, struct asked *a, struct master_json *j)
{
	master_upgrade_signal(m, SIGUSR1);
	master_logs_reopen(m, a->by);
	done_begin(j);
	master_json_object_end(j);
	return ORDER_DONE;
}

/* N, +N or -N: how many more or less than `now` that is. False: it is none of them, or far too many. */
static bool
scale_read(const char *text, int now, int *by)
{
	bool signs = *text == '+' || *text == '-';
	uint64_t n;

	if (!decimal_read(text + signs, strlen(text + signs), &n) || n > 1000)
		return false;
	*by = *text == '-' ? -(int)n : signs ? (int)n : (int)n - now;
	return true;
}

static enum master_order
scale(struct master *m, struct asked *a, struct master_json *j)
{
	int now = (int)m->n_workers + m->scale_due, by;
	char text[TEXT_BYTES];

	if (ending(m) != NULL) {
		master_orders_refuse(j, ending(m), NULL);
		return ORDER_DONE;
	}
	if (!scale_read(a->argument, now, &by) || now + by < 1 || now + by > MASTER_MAX_WORKERS) {
		snprintf(text, sizeof(text), "want 1 to %d workers, as scale 4, scale +1 or scale -1; "
		    "there are %d", MASTER_MAX_WORKERS, now);
		master_orders_refuse(j, text, NULL);
		return ORDER_DONE;
	}
	if (by != 0)
		master_workers_scale(m, by);
	done_begin(j);
	master_json_number(j, "workers", now + by);
	master_json_truth(j, "put_off", m->scale_due != 0);
	master_json_object_end(j);
	return ORDER_DONE;
}

static enum master_order
stacks(struct master *m, struct asked *a, struct master_json *j)
{
	struct master_child *c = NULL;
	uint64_t pid;

	if (!decimal_read(a->argument, strlen(a->argument), &pid)) {
		master_orders_refuse(j, "want the number of a process, as stacks 4711", NULL);
		return ORDER_DONE;
	}
	while ((c = master_child_next(&m->children, NULL, c)) != NULL)
		if (c->pid > 0 && (uint64_t)c->pid == pid)
			break;
	if (c == NULL || !c->begun) {
		master_orders_refuse(j, "no worker has this number whose Python runs",
		    "fastrdctl workers lists them");
		return ORDER_DONE;
	}
	master_child_show_stacks(c);
	done_begin(j);
	log_put(m, j);
	master_json_object_end(j);
	return ORDER_DONE;
}

static const struct {
	const char *word;
	/* One of the two. */
	enum master_order (*order)(struct master *m, struct asked *a, struct master_json *j);
	void (*report)(struct master *m, struct master_json *j);
} rows[] = {
	{ CONTROL_STATUS, NULL, master_report_status },
	{ CONTROL_WORKERS, NULL, master_report_workers },
	{ CONTROL_REQUESTS, NULL, master_report_requests },
	{ CONTROL_CRASHES, NULL, master_report_crashes },
	{ CONTROL_CONFIG, NULL, master_settings_report },
	{ CONTROL_RELOAD, reload, NULL },
	{ CONTROL_STOP, stop, NULL },
	{ CONTROL_REOPEN, reopen, NULL },
	{ CONTROL_SCALE, scale, NULL },
	{ CONTROL_STACKS, stacks, NULL },
};

enum master_order
master_orders_run(struct master *m, char *line, const char *by, unsigned *number,
    struct master_json *j)
{
	char *space = strchr(line, ' ');
	struct asked a = { .by = by, .argument = space != NULL ? space + 1 : "" };
	enum master_order end = ORDER_DONE;

	if (space != NULL)
		*space = '\0';
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(line, rows[i].word) != 0)
			continue;
		if (rows[i].order != NULL) {
			end = rows[i].order(m, &a, j);
			*number = a.reload;
		} else if (*a.argument != '\0') {
			master_orders_refuse(j, "nothing may follow this word", NULL);
		} else {
			done_begin(j);
			rows[i].report(m, j);
			master_json_object_end(j);
		}
		return end;
	}
	master_orders_refuse(j, "this fastrd does not know the word", "it may be of another version");
	return ORDER_DONE;
}
