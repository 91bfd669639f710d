/*
 * conn: the life of a connection.
 *
 * Called by the rest of worker/ and by engine/testclient.c: accept.c or the test
 * client makes it, its transport feeds it, conductor.c advances it. A dead connection
 * stays until the application has let go of its exchange.
 */
#include "worker/conn.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/pool.h"
#include "bindings/request.h"
#include "worker/conductor.h"
#include "worker/content.h"
#include "worker/flush.h"
#include "worker/handover.h"
#include "worker/hands.h"
#include "worker/reply.h"
#include "worker/websocket/websocket.h"

static struct worker_conn *
conn_new(struct worker *w)
{
	struct worker_conn *c = pool_take(&w->memory.conns);

	if (c == NULL)
		return NULL;
	memset(c, 0, sizeof(*c));
	hx_exchange_init(&c->x, &worker_reply_calls, c);
	c->x.websocket = &worker_websocket_calls;
	arena_init_pool(&c->x.arena, &w->memory.blocks);
	c->input.pool = &w->memory.blocks;
	c->w = w;
	c->fd = -1;
	c->x.upper.local = w->local;
	c->x.peer.scheme = (struct slice){ w->options.scheme, strlen(w->options.scheme) };
	c->x.root_path = (struct slice){ w->options.conf.root_path,
	    strlen(w->options.conf.root_path) };
	c->limit_body = w->limits.body;
	c->content_time = &w->timeouts.content;
	c->job.run = worker_conductor_job;
	c->flush.flush = worker_flush_turn;
	io_output_init(&c->out, &w->memory.blocks);
	return c;
}

static void
conn_add(struct worker_conn *c)
{
	struct worker *w = c->w;

	list_append(&w->conns, &c->node);
	worker_open_add(w, 1);
	worker_timeouts_rest(c);
}

struct worker_conn *
worker_conn_new(struct worker *w, int fd, const struct sockaddr *peer,
    const struct worker_listener *listener)
{
	struct worker_conn *c = conn_new(w);

	if (c == NULL)
		return NULL;
	if (worker_transport_socket(c, fd, peer, listener) < 0) {
		hx_exchange_fini(&c->x);
		pool_give(&w->memory.conns, c);
		return NULL;
	}
	conn_add(c);
	return c;
}

struct worker_conn *
worker_conn_new_over(struct worker *w, const struct worker_transport *transport, void *to)
{
	struct worker_conn *c = conn_new(w);

	if (c == NULL)
		return NULL;
	c->transport = transport;
	c->transport_arg = to;
	c->reading = true;
	conn_add(c);
	return c;
}

char *
worker_conn_room(struct worker_conn *c, size_t *room)
{
	size_t unused = worker_input_unused(&c->input);
	char *in_place = worker_content_room(c, room);

	if (in_place != NULL)
		return in_place;
	/* Never 0: a read of nothing would look like the peer's end. */
	if (c->state != CONN_RUNNING || c->content_open)
		*room = WORKER_READ_BYTES;
	else
		*room = unused < WORKER_HIGH_WATER ? WORKER_HIGH_WATER - unused : 1;
	return c->w->scratch;
}

/* The input takes over what the bytes were read into, where copying them costs more than other
 * memory for the next read. False: it has not. */
static bool
scratch_give(struct worker_conn *c, const char *bytes, size_t len)
{
	const struct worker_input *in = &c->input;
	char *fresh;

	if (bytes != c->w->scratch || len < WORKER_READ_BYTES / 4 || in->now.cap > 0 ||
	    in->ahead.cap > 0)
		return false;
	fresh = malloc(WORKER_READ_BYTES);
	if (fresh == NULL)
		return false;
	worker_input_adopt(&c->input, c->w->scratch, len, WORKER_READ_BYTES);
	c->w->scratch = fresh;
	return true;
}

void
worker_conn_feed(struct worker_conn *c, const char *bytes, size_t len)
{
	size_t used = 0;

	worker_count(c->w, SHM_COUNT_bytes_in, len);
	/* An answer with `connection: close` is on its way: no further request is read. */
	if (c->state == CONN_IDLE && c->said_close)
		c->state = CONN_LINGER;
	if (c->state == CONN_LINGER)
		worker_timeouts_linger_on(c);
	if (c->state == CONN_LINGER || c->state == CONN_DEAD)
		return;
	if (c->content_open)
		used = worker_content_feed(c, bytes, len);
	if (c->state == CONN_LINGER || c->state == CONN_DEAD)
		return;
	if (used < len && !(used == 0 && scratch_give(c, bytes, len)) &&
	    worker_input_keep(&c->input, bytes + used, len - used,
	    c->state == CONN_RUNNING) < 0) {
		worker_conn_kill(c);
		return;
	}
	worker_conductor_advance(c);
}

void
worker_conn_eof(struct worker_conn *c, bool gone)
{
	c->eof = true;
	/* Who asks for a WebSocket and leaves has nothing more to hear. */
	if (gone || c->state == CONN_LINGER || (c->state == CONN_RUNNING && c->x.handshake)) {
		worker_conn_kill(c);
		return;
	}
	c->x.content.peer_closed = true;
	if (c->content_open)
		worker_content_cut(c);
	if (c->state == CONN_IDLE) {
		worker_conn_close_soon(c);
	} else if (c->state == CONN_RUNNING) {
		c->content_due = true;
		worker_conn_push(c);
	} else if (c->state == CONN_MESSAGES) {
		worker_websocket_due(c);
	}
	worker_conn_update_reading(c);
}

void
worker_conn_push(struct worker_conn *c)
{
	io_turn_push(c->w->turn, &c->job);
}

void
worker_conn_dirty(struct worker_conn *c)
{
	must(c->state != CONN_DEAD);
	io_turn_dirty(c->w->turn, &c->flush);
}

bool
worker_conn_end_is_content(const struct worker_conn *c)
{
	const struct hx_promise *promise = &c->x.promise;

	return (c->x.state == HX_HEAD_SENT || c->x.state == HX_FAILED) && promise->content &&
	    !promise->chunked && !promise->has_length;
}

void
worker_conn_kill(struct worker_conn *c)
{
	if (c->state == CONN_DEAD)
		return;
	if (c->state == CONN_RUNNING) {
		worker_hands_drop(c);
		if (c->x.state != HX_DONE || c->out.backlog > 0)
			worker_count(c->w, SHM_COUNT_aborted, 1);
	}
	if (c->state == CONN_MESSAGES)
		worker_websockets_add(c->w, -1);
	c->state = CONN_DEAD;
	c->w->dead++;
	if (c->linger_until_ms != 0)
		c->w->lingering--;
	c->start_due = c->room_due = false;
	c->x.content.aborted = true;
	io_timers_remove(&c->timer);
	io_timers_remove(&c->write_timer);
	io_turn_undirty(&c->flush);
	c->transport->close(c->transport_arg, worker_conn_end_is_content(c));
	io_output_drop(&c->out);
	/* Telling the application and freeing both need the interpreter. */
	c->content_due = true;
	worker_conn_push(c);
}

void
worker_conn_close_soon(struct worker_conn *c)
{
	c->close_after = true;
	if (c->out.backlog == 0)
		worker_flush_now(c, 0);
	else
		worker_conn_dirty(c);
}

bool
worker_conn_bury(struct worker_conn *c)
{
	struct worker *w = c->w;

	if (c->state != CONN_DEAD || c->in_job || pyb_request_active(&c->x))
		return false;
	worker_rules_end(c);
	io_output_reap(&c->out);
	io_turn_remove(&c->job);
	hx_exchange_fini(&c->x);
	io_output_fini(&c->out);
	worker_input_fini(&c->input);
	worker_websocket_free(c);
	list_remove(&c->node);
	pool_give(&w->memory.conns, c);
	worker_memory_given(&w->memory);
	w->dead--;
	worker_open_add(w, -1);
	return true;
}

void
worker_conn_update_reading(struct worker_conn *c)
{
	bool want = !c->eof && !worker_handover_waits(c);

	if (c->state == CONN_DEAD)
		return;
	/* The requests behind the one in hand wait in the kernel, too, and so do messages. */
	if (c->state == CONN_RUNNING || c->state == CONN_MESSAGES)
		want = want && worker_input_unused(&c->input) <
		    (c->reading ? WORKER_HIGH_WATER : WORKER_LOW_WATER);
	if (c->state == CONN_RUNNING) {
		/* Much content that nobody waits for stays in the kernel. */
		if (c->content_open && c->content_waiter == WAITER_NONE)
			want = want && c->x.content.len < WORKER_HIGH_WATER;
		/* The client is not late while we do not read, nor while it waits for a
		 * 100 Continue that the application has still to ask for. */
		if (!want || !c->content_open ||
		    (!c->sent_continue && c->x.state == HX_RUNNING))
			io_timers_remove(&c->timer);
		else if (!io_timer_runs(&c->timer))
			io_timers_touch(c->content_time, &c->timer);
	}
	if (want == c->reading)
		return;
	c->reading = want;
	c->transport->reading(c->transport_arg, want);
}
