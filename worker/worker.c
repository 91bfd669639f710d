/*
 * worker: start and end, and what happens when time runs out.
 *
 * Driven by engine/serve.c and engine/testclient.c. Accepting is accept.c's,
 * a connection's life conn.c's.
 */
#include "worker/worker.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/must.h"
#include "worker/accept.h"
#include "worker/conn.h"
#include "worker/reply.h"

enum { LINGER_MS = 2000, REST_MS = 1000, BEAT_MS = 250 };

void
worker_options_init(struct worker_options *o)
{
	*o = (struct worker_options){
		.limits = hx_limits_default,
		.header_timeout_ms = 10 * 1000,
		.keep_alive_ms = 75 * 1000,
		.content_timeout_ms = 60 * 1000,
		.write_timeout_ms = 60 * 1000,
		.scheme = "http",
		.root_path = "",
	};
}

static struct worker_conn *
conn_of_timer(struct io_timer *timer)
{
	return container_of(timer, struct worker_conn, timer);
}

static void
head_expired(struct io_timer *timer)
{
	struct worker_conn *c = conn_of_timer(timer);

	worker_count(c->w, SHM_COUNT_timeouts, 1);
	worker_reply_refuse(c, HX_REFUSE_head_timeout);
}

/* A while without a request: the buffers go, the connection stays. */
static void
rest_expired(struct io_timer *timer)
{
	struct worker_conn *c = conn_of_timer(timer);

	worker_conn_trim(c);
	io_timers_touch(&c->w->idle_timers, &c->timer);
}

static void
idle_expired(struct io_timer *timer)
{
	worker_conn_kill(conn_of_timer(timer));
}

static void
content_expired(struct io_timer *timer)
{
	struct worker_conn *c = conn_of_timer(timer);

	worker_count(c->w, SHM_COUNT_timeouts, 1);
	if (c->waits_content)
		worker_reply_refuse(c, HX_REFUSE_content_timeout);
	else
		worker_conn_kill(c);
}

static void
write_expired(struct io_timer *timer)
{
	struct worker_conn *c = container_of(timer, struct worker_conn, write_timer);

	worker_count(c->w, SHM_COUNT_timeouts, 1);
	worker_conn_kill(c);
}

static void
timers_init(struct worker *w)
{
	const struct worker_options *o = &w->options;
	uint32_t rest_ms = o->keep_alive_ms / 2 < REST_MS ? o->keep_alive_ms / 2 : REST_MS;

	io_timers_init(&w->head_timers, w->turn, o->header_timeout_ms, head_expired);
	io_timers_init(&w->rest_timers, w->turn, rest_ms, rest_expired);
	io_timers_init(&w->idle_timers, w->turn, o->keep_alive_ms - rest_ms, idle_expired);
	io_timers_init(&w->content_timers, w->turn, o->content_timeout_ms, content_expired);
	io_timers_init(&w->write_timers, w->turn, o->write_timeout_ms, write_expired);
	io_timers_init(&w->linger_timers, w->turn, LINGER_MS, idle_expired);
}

/* Tell whoever watches the board that this loop is not stuck. */
static void
on_beat(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)fd;
	(void)what;
	shm_board_beat(w->board, clock_monotonic_ns());
}

static void
beat_init(struct worker *w)
{
	struct timeval every = { 0, BEAT_MS * 1000 };

	event_assign(&w->beat, io_turn_base(w->turn), -1, EV_PERSIST, on_beat, w);
	if (w->options.board == NULL)
		return;
	on_beat(-1, 0, w);
	event_add(&w->beat, &every);
}

struct worker *
worker_new(struct io_turn *turn, struct pyb_app *app, void *loop,
    const struct worker_options *options)
{
	struct worker *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->turn = turn;
	w->app = app;
	w->loop = loop;
	w->options = *options;
	w->board = options->board != NULL ? options->board : &w->own_board;
	list_init(&w->conns);
	timers_init(w);
	beat_init(w);
	worker_accept_init(w);
	return w;
}

void
worker_free(struct worker *w)
{
	must(list_is_empty(&w->conns));
	worker_accept_fini(w);
	event_del(&w->beat);
	io_timers_fini(&w->head_timers);
	io_timers_fini(&w->rest_timers);
	io_timers_fini(&w->idle_timers);
	io_timers_fini(&w->content_timers);
	io_timers_fini(&w->write_timers);
	io_timers_fini(&w->linger_timers);
	free(w);
}

struct slice
worker_preset(struct worker *w)
{
	int64_t now_s = clock_unix_s();

	if (now_s != w->preset_s) {
		struct slice date = hx_date_get(&w->date, now_s);

		w->preset_s = now_s;
		w->preset_len = (size_t)snprintf(w->preset, sizeof(w->preset),
		    "date: %.*s\r\nserver: fastrd\r\n", (int)date.len, date.ptr);
	}
	return (struct slice){ w->preset, w->preset_len };
}

static void
drained_check(struct worker *w)
{
	worker_drained_f *drained = w->drained;

	if (w->open > 0 || drained == NULL)
		return;
	w->drained = NULL;
	drained(w->drained_arg);
}

void
worker_on_empty(struct worker *w, worker_drained_f *gone, void *arg)
{
	w->drained = gone;
	w->drained_arg = arg;
}

void
worker_drain(struct worker *w, worker_drained_f *drained, void *arg)
{
	w->draining = true;
	shm_board_state(w->board, SHM_BOARD_DRAINING);
	worker_on_empty(w, drained, arg);
	worker_accept_pause(w);
	LIST_EACH(node, &w->conns) {
		struct worker_conn *c = container_of(node, struct worker_conn, node);

		if (c->state != CONN_IDLE || c->in_len > c->in_pos)
			continue;
		/* The first request of a fresh connection is likely on its way. */
		if (c->served)
			worker_conn_close_soon(c);
		else
			io_timers_touch(&w->linger_timers, &c->timer);
	}
	drained_check(w);
}

void
worker_abort(struct worker *w)
{
	worker_accept_pause(w);
	LIST_EACH(node, &w->conns)
		worker_conn_kill(container_of(node, struct worker_conn, node));
}

void
worker_open_add(struct worker *w, int by)
{
	w->open += (uint64_t)by;
	shm_board_set(w->board, SHM_COUNT_connections_open, w->open);
	shm_board_set(w->board, SHM_COUNT_connections_idle, w->open - w->active);
	if (by < 0)
		drained_check(w);
}

void
worker_active_add(struct worker *w, int by)
{
	w->active += (uint64_t)by;
	shm_board_set(w->board, SHM_COUNT_requests_active, w->active);
	shm_board_set(w->board, SHM_COUNT_connections_idle, w->open - w->active);
}
