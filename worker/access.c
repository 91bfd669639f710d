/*
 * access: facts of a request, and when its line goes to the thread.
 *
 * Called by conductor.c and reply.c (a request begins, its answer begins, it ends), by hands.c
 * (it ends without), and by room engine, which makes it. Nothing here waits.
 * Lines of a turn are given to the thread at its end; under load, when there are many or
 * after 10 ms, because to wake a thread costs as much as to make ten lines.
 *
 * Logs: "access log: cannot write to FILE: CAUSE; requests are served on, lines will be lost",
 * "access log: FILE takes no more; ...", "access log: written again, N lines were lost",
 * "access log: cannot open FILE again: CAUSE; lines go where they went before".
 */
#include "worker/access.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/access.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "bindings/request.h"
#include "io/sink.h"
#include "worker/access_fields.h"
#include "worker/access_line.h"
#include "worker/conn.h"

enum {
	GATHER_MS = 10,		/* lines wait for others at most so long */
	GATHER_BYTES = IO_SINK_BLOCK / 8 * 7,
	LOOK_MS = 1000,
	WELL_MS = 1000,		/* without a loss: it is written again */
	CLOSE_MS = 2000,
	EXCLUDED_MAX = 64,
	STATUS_CLIENT_LEFT = 499
};

struct worker_access {
	struct worker *w;
	struct worker_access_line_writer writer;
	struct io_sink *sink;
	const char *file;		/* as people know it */

	char *excluded_text;
	struct slice excluded[EXCLUDED_MAX];
	unsigned n_excluded;

	struct io_flush flush;
	struct event timer;
	bool armed;
	uint64_t flushed_ms, looked_ms, lost_ms;
	uint64_t turn_ns;		/* when the first request of this turn began; 0: none has */
	uint64_t clock_ns, clock_unix_us;	/* the same moment by two clocks */
	bool ails;			/* and was said to */
	uint64_t lost;			/* while it ails */

	struct worker_access_hand hand;
	bool taken;
};

/* Texts of the setting, "/health, /items", without the blanks around them. */
static int
excluded_read(struct worker_access *a, const char *list)
{
	char *rest, *word;

	a->excluded_text = strdup(list);
	if (a->excluded_text == NULL)
		return -1;
	for (word = strtok_r(a->excluded_text, ", ", &rest); word != NULL;
	    word = strtok_r(NULL, ", ", &rest)) {
		if (a->n_excluded == EXCLUDED_MAX)
			return -1;
		a->excluded[a->n_excluded++] = (struct slice){ word, strlen(word) };
	}
	return 0;
}

static bool
pattern_is(struct slice pattern, struct slice text)
{
	if (pattern.ptr[pattern.len - 1] != '*')
		return slice_equal(pattern, text);
	return text.len >= pattern.len - 1 && memcmp(pattern.ptr, text.ptr, pattern.len - 1) == 0;
}

static bool
is_excluded(const struct worker_access *a, struct slice path, struct slice route)
{
	for (unsigned i = 0; i < a->n_excluded; i++)
		if (pattern_is(a->excluded[i], path) ||
		    (route.len > 0 && slice_equal(a->excluded[i], route)))
			return true;
	return false;
}

struct worker_access *
worker_access_new(const struct conf *c, const char *process, unsigned generation,
    char why[WORKER_ACCESS_WHY_BYTES])
{
	struct worker_access *a = calloc(1, sizeof(*a));
	char wrong[ATOMS_WHY_BYTES];
	const char *path = access_file(c);

	snprintf(why, WORKER_ACCESS_WHY_BYTES, "no memory for the access log");
	if (a == NULL)
		return NULL;
	a->file = *path != '\0' ? path : "standard output";
	if (worker_access_line_init(&a->writer, access_format(c), process, generation, wrong) < 0)
		snprintf(why, WORKER_ACCESS_WHY_BYTES, "access_log_format: %s", wrong);
	else if (excluded_read(a, c->access_log_exclude) < 0)
		snprintf(why, WORKER_ACCESS_WHY_BYTES, "access_log_exclude: at most %d paths",
		    EXCLUDED_MAX);
	else if ((a->sink = io_sink_open(path)) == NULL)
		snprintf(why, WORKER_ACCESS_WHY_BYTES, "cannot write the access log to %.150s: %s",
		    a->file, strerror(errno));
	else
		return a;
	worker_access_free(a);
	return NULL;
}

void
worker_access_free(struct worker_access *a)
{
	if (a == NULL)
		return;
	if (a->w != NULL) {
		event_del(&a->timer);
		io_turn_undirty(&a->flush);
		a->w->access = NULL;
	}
	if (a->sink != NULL)
		io_sink_close(a->sink, CLOSE_MS);
	free(a->excluded_text);
	free(a);
}

bool
worker_access_wanted(const struct conf *c, bool asked)
{
	return access_wanted(c, asked || isatty(STDOUT_FILENO) == 1);
}

static void
timer_arm(struct worker_access *a, unsigned ms)
{
	struct timeval after = { ms / 1000, (suseconds_t)(ms % 1000) * 1000 };

	if (!a->armed && event_add(&a->timer, &after) == 0)
		a->armed = true;
}

/* Say once that lines cannot be written, and once that they are again. */
static void
health_look(struct worker_access *a, uint64_t now_ms)
{
	int error = io_sink_error(a->sink);

	if (!a->ails && error != 0)
		log_warnx("access log: cannot write to %s: %s; requests are served on, lines will "
		    "be lost", a->file, strerror(error));
	else if (!a->ails && a->lost > 0)
		log_warnx("access log: %s takes no more; requests are served on, lines are lost",
		    a->file);
	else if (a->ails && error == 0 && now_ms - a->lost_ms >= WELL_MS) {
		log_info("access log: written again, %llu line%s lost", (unsigned long long)a->lost,
		    a->lost == 1 ? " was" : "s were");
		a->ails = false;
		a->lost = 0;
		return;
	}
	a->ails = a->ails || error != 0 || a->lost > 0;
	if (a->ails)
		timer_arm(a, WELL_MS / 2);
}

/* Say that a rotation was for nothing. */
static void
reopening_look(struct worker_access *a)
{
	int error = io_sink_reopen_error(a->sink);

	if (error != 0)
		log_warnx("access log: cannot open %s again: %s; lines go where they went before",
		    a->file, strerror(error));
}

/* The end of a turn: are the lines given to the thread now? */
static void
lines_give(struct worker_access *a)
{
	uint64_t now_ms = clock_coarse_ms();

	if (a->hand.look != NULL && now_ms - a->looked_ms >= LOOK_MS) {
		a->looked_ms = now_ms;
		a->hand.look(a->hand.arg);
	}
	reopening_look(a);
	if (io_sink_waiting(a->sink) == 0 && a->lost == 0 && !a->ails)
		return;
	if (now_ms - a->flushed_ms < GATHER_MS && io_sink_waiting(a->sink) < GATHER_BYTES) {
		timer_arm(a, GATHER_MS);
		return;
	}
	a->flushed_ms = now_ms;
	io_sink_flush(a->sink);
	if (io_sink_waiting(a->sink) > 0)
		timer_arm(a, GATHER_MS);
	health_look(a, now_ms);
}

static size_t
on_flush(struct io_flush *flush, size_t most)
{
	struct worker_access *a = container_of(flush, struct worker_access, flush);

	(void)most;
	a->turn_ns = 0;
	lines_give(a);
	return 0;
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct worker_access *a = arg;

	(void)fd;
	(void)what;
	a->armed = false;
	a->flushed_ms = 0;
	lines_give(a);
}

void
worker_access_attach(struct worker_access *a, struct worker *w)
{
	must(a->w == NULL || a->w == w);
	w->access = a;
	if (a->w != NULL)
		return;
	a->w = w;
	a->flush.flush = on_flush;
	event_assign(&a->timer, io_turn_base(w->turn), -1, 0, on_timer, a);
}

void
worker_access_hand_over(struct worker_access *a, const struct worker_access_hand *hand)
{
	a->hand = *hand;
}

void
worker_access_take(struct worker_access *a, bool taken)
{
	a->taken = taken;
}

void
worker_access_reopen(struct worker_access *a)
{
	io_sink_reopen(a->sink);
	timer_arm(a, LOOK_MS);
}

static void
line_lost(struct worker_access *a)
{
	worker_count(a->w, SHM_COUNT_access_log_dropped, 1);
	a->lost++;
	a->lost_ms = clock_coarse_ms();
	io_turn_dirty(a->w->turn, &a->flush);
}

void
worker_access_write(struct worker_access *a, const char *line, size_t len)
{
	char *room = len <= IO_SINK_BLOCK ? io_sink_room(a->sink, len) : NULL;

	if (room == NULL) {
		line_lost(a);
		return;
	}
	memcpy(room, line, len);
	io_sink_add(a->sink, len);
	io_turn_dirty(a->w->turn, &a->flush);
}

void
worker_access_begun(struct worker_conn *c)
{
	struct worker_access *a = c->w->access;

	/* Those that were read in one turn have waited for each other: they begin together. */
	if (a->turn_ns == 0 && a->writer.atoms.timed) {
		a->turn_ns = clock_monotonic_ns();
		io_turn_dirty(a->w->turn, &a->flush);
	}
	c->access = (struct worker_access_record){ .begun_ns = a->turn_ns };
}

void
worker_access_answered(struct worker_conn *c, const struct hx_header *fields, size_t n,
    struct slice head)
{
	const struct atoms *atoms = &c->w->access->writer.atoms;

	if (atoms->timed && !c->access.whole)
		c->access.first_ns = clock_monotonic_ns();
	if (atoms->n_fields > 0 || atoms->request_id)
		c->access.fields = worker_access_fields_keep(atoms, &c->x.arena, fields, n, head);
}

/* When it ended, by the clock on the wall: one clock is read, the other follows from it. */
static uint64_t
unix_us(struct worker_access *a, uint64_t now_ns)
{
	if (now_ns - a->clock_ns > 1000000000) {
		a->clock_ns = now_ns;
		a->clock_unix_us = clock_unix_us();
	}
	return a->clock_unix_us + (now_ns - a->clock_ns) / 1000;
}

void
worker_access_ended(struct worker_conn *c)
{
	struct worker_access *a = c->w->access;
	struct worker_access_record *r = &c->access;
	struct worker_access_facts f = { .x = &c->x, .origin = &c->x.origin, .status = c->x.status,
		.bytes_out = r->bytes_out, .begun_ns = r->begun_ns, .first_ns = r->first_ns,
		.fields = r->fields };
	char own[WORKER_ACCESS_LINE], *line = own;
	size_t len;

	if (r->written)
		return;
	r->written = true;
	f.route = pyb_request_route(c->w->app, &c->x);
	if (is_excluded(a, c->x.req.raw_path, f.route))
		return;
	if (f.status == 0)
		f.status = STATUS_CLIENT_LEFT;
	if (a->writer.atoms.timed) {
		f.ended_ns = clock_monotonic_ns();
		if (r->whole)
			f.first_ns = f.ended_ns;
		f.unix_us = unix_us(a, f.ended_ns);
	} else {
		f.unix_us = (uint64_t)clock_unix_s() * 1000000;
	}
	if (!a->taken && (line = io_sink_room(a->sink, WORKER_ACCESS_LINE)) == NULL) {
		line_lost(a);
		return;
	}
	len = worker_access_line(&a->writer, &f, line);
	if (!a->taken)
		io_sink_add(a->sink, len);
	else if (!a->hand.take(a->hand.arg, &f, line, len))
		line_lost(a);
	io_turn_dirty(a->w->turn, &a->flush);
}
