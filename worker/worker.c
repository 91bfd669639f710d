/*
 * worker: start, drain and end.
 *
 * Called by room engine (the types Worker and MemoryConnection); the counts by conn.c,
 * conductor.c, hands.c, reply.c and worker/websocket/. Accepting is accept.c's, a connection's life conn.c's.
 */
#include "worker/worker.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/must.h"
#include "worker/accept.h"
#include "worker/conn.h"
#include "worker/flush.h"
#include "worker/reply.h"
#include "worker/websocket/websocket.h"

enum { WS_DRAIN_NOW };	/* the first of the words of --ws-drain */

void
worker_options_init(struct worker_options *o)
{
	*o = (struct worker_options){ .scheme = "http" };
	conf_init(&o->conf);
}

static void
limits_init(struct worker *w)
{
	const struct conf *c = &w->options.conf;

	w->limits = (struct hx_limits){
		.line = (uint32_t)c->limit_line, .field = (uint32_t)c->limit_field,
		.fields = (uint32_t)c->limit_fields, .head = (uint32_t)c->limit_head,
		.body = (uint64_t)c->limit_body,
	};
}

struct worker *
worker_new(struct io_turn *turn, struct pyb_app *app, void *local,
    const struct worker_options *options)
{
	struct worker *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->scratch = malloc(WORKER_READ_BYTES);
	if (w->scratch == NULL || worker_preset_init(&w->preset, &options->conf) < 0 ||
	    worker_added_init(&w->added, &options->conf) < 0 ||
	    (options->conf.proxy_headers &&
	    hx_trust_init(&w->trust, options->conf.forwarded_allow_ips) < 0) ||
	    worker_proxy_init(&w->proxy, &options->conf) < 0 ||
	    worker_rules_init(&w->rules, turn, &options->conf) < 0) {
		worker_proxy_fini(&w->proxy);
		worker_preset_fini(&w->preset);
		hx_trust_fini(&w->trust);
		free(w->scratch);
		free(w);
		return NULL;
	}
	io_turn_hold(turn);
	w->turn = turn;
	w->app = app;
	w->local = local;
	w->options = *options;
	w->board = options->board != NULL ? options->board : &w->own_board;
	list_init(&w->conns);
	limits_init(w);
	worker_memory_init(&w->memory, turn);
	worker_deflate_init(&w->streams);
	worker_timeouts_init(&w->timeouts, turn, options);
	worker_heartbeat_start(&w->heartbeat, turn, options->board);
	worker_accept_init(w);
	worker_handover_init(w);
	return w;
}

void
worker_free(struct worker *w)
{
	must(list_is_empty(&w->conns));
	worker_accept_fini(w);
	worker_admin_fini(w);
	worker_handover_fini(w);
	worker_heartbeat_stop(&w->heartbeat);
	worker_timeouts_fini(&w->timeouts);
	worker_memory_fini(&w->memory);
	worker_deflate_fini(&w->streams);
	hx_trust_fini(&w->trust);
	worker_rules_fini(&w->rules);
	worker_proxy_fini(&w->proxy);
	worker_preset_fini(&w->preset);
	io_turn_free(w->turn);
	free(w->scratch);
	free(w);
}

void
worker_on_empty(struct worker *w, worker_empty_f *empty, void *arg)
{
	/* One may wait at a time: a second function would take the first one's place. */
	must(w->empty == NULL || empty == NULL || (w->empty == empty && w->empty_arg == arg));
	w->empty = empty;
	w->empty_arg = arg;
}

/* When no connection is left, call whoever waits for that. The call may free the worker,
 * so that no caller of empty_check() may use the worker afterwards. */
static void
empty_check(struct worker *w)
{
	worker_empty_f *empty = w->empty;

	if (w->open > 0 || empty == NULL)
		return;
	w->empty = NULL;
	empty(w->empty_arg);
}

void
worker_end_websockets(struct worker *w)
{
	uint64_t n = w->websockets;

	w->websockets_over = true;
	LIST_EACH(node, &w->conns) {
		struct worker_conn *c = container_of(node, struct worker_conn, node);

		if (c->state == CONN_RUNNING && c->x.handshake && c->x.state == HX_RUNNING)
			worker_reply_refuse(c, HX_REFUSE_too_busy);
		else
			worker_websocket_end(c, HX_CLOSE_RESTART);
	}
	if (n > 0)
		log_info("closed %llu WebSocket%s: 1012", (unsigned long long)n, n == 1 ? "" : "s");
	worker_count(w, SHM_COUNT_websockets_ended, n);
}

void
worker_drain(struct worker *w, uint64_t grace_ms, bool give)
{
	(w->active > 0 ? log_info : log_debug)("draining: %llu connections, %llu requests",
	    (unsigned long long)w->open, (unsigned long long)w->active);
	w->draining = true;
	shm_board_state(w->board, SHM_BOARD_DRAINING);
	worker_accept_stop(w);
	worker_admin_stop(w);
	worker_timeouts_drain(&w->timeouts, w->turn, grace_ms);
	if (give)
		worker_handover_give(w);
	else
		worker_handover_end(w);
	/* Where others serve on, clients have the time until the deadline. */
	if (!give && w->options.conf.ws_drain == WS_DRAIN_NOW)
		worker_end_websockets(w);
	LIST_EACH(node, &w->conns) {
		struct worker_conn *c = container_of(node, struct worker_conn, node);

		/* Its next request may be on its way already, and so may an answer that
		 * did not say `Connection: close`. */
		if (c->state == CONN_IDLE && worker_input_left(&c->input) == 0 && !c->close_after)
			worker_timeouts_rest(c);
	}
	empty_check(w);
}

void
worker_park(struct worker *w)
{
	shm_board_state(w->board, SHM_BOARD_DRAINING);
	worker_accept_stop(w);
	worker_admin_stop(w);
	worker_handover_give(w);
}

void
worker_resume(struct worker *w)
{
	worker_handover_resume(w);
	worker_accept_resume(w);
	worker_admin_resume(w);
}

void
worker_abort(struct worker *w)
{
	worker_accept_stop(w);
	worker_admin_stop(w);
	worker_end_websockets(w);
	LIST_EACH(node, &w->conns) {
		struct worker_conn *c = container_of(node, struct worker_conn, node);

		if (c->state == CONN_LINGER)
			worker_flush_now(c, SIZE_MAX);
		worker_conn_kill(c);
	}
}

/* Add 1 to *n, or subtract 1 from an *n that is not 0. */
static void
add(uint64_t *n, int by)
{
	must(by == 1 || (by == -1 && *n > 0));
	*n = by > 0 ? *n + 1 : *n - 1;
}

static void
idle_show(struct worker *w)
{
	must(w->active + w->websockets <= w->open);
	shm_board_set(w->board, SHM_COUNT_connections_idle, w->open - w->active - w->websockets);
}

void
worker_open_add(struct worker *w, int by)
{
	add(&w->open, by);
	shm_board_set(w->board, SHM_COUNT_connections_open, w->open);
	idle_show(w);
	if (by < 0)
		empty_check(w);
}

void
worker_active_add(struct worker *w, int by)
{
	add(&w->active, by);
	shm_board_set(w->board, SHM_COUNT_requests_active, w->active);
	idle_show(w);
}

void
worker_websockets_add(struct worker *w, int by)
{
	add(&w->websockets, by);
	shm_board_set(w->board, SHM_COUNT_websockets_open, w->websockets);
	idle_show(w);
}
