/*
 * websocket: frames in, frames out, and how it ends.
 *
 * Called by the rest of worker/. An exchange's calls lead here, too. It ends in one of four
 * ways. The client closes: its Close frame is answered. The application closes: the client has a
 * while to answer. The server closes, because of what the client has sent, or in a drain. Or the
 * connection breaks. In the first three the connection lingers afterwards, so that the last
 * frames are not lost by a reset.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/must.h"
#include "bindings/websocket/websocket.h"
#include "worker/conn.h"
#include "worker/hands.h"
#include "worker/pieces.h"
#include "worker/reply.h"
#include "worker/websocket/internal.h"

enum {
	PACKED_LEAST = 64,		/* bytes of a message that is worth it */
	DEFLATE_ON = 0			/* the first of the words of --ws-per-message-deflate */
};

static struct worker_conn *
conn_of(struct io_timer *timer)
{
	return container_of(timer, struct worker_conn, timer);
}

void
worker_websocket_ping_later(struct worker_conn *c)
{
	if (c->w->options.conf.ws_ping_interval_ms > 0)
		io_timers_touch(&c->w->timeouts.ping, &c->timer);
}

bool
worker_websocket_frame_put(struct worker_conn *c, const char *frame, size_t len)
{
	if (io_output_copy(&c->out, frame, len) < 0) {
		worker_conn_kill(c);
		return false;
	}
	worker_conn_dirty(c);
	return true;
}

/* Send a Close frame, unless one was sent. False: the connection is dead. */
static bool
close_put(struct worker_conn *c, const struct hx_closing *closing)
{
	char frame[HX_FRAME_CONTROL_BYTES];

	if (c->websocket->closing)
		return true;
	c->websocket->closing = true;
	return worker_websocket_frame_put(c, frame, hx_closing_write(frame, closing));
}

void
worker_websocket_linger(struct worker_conn *c)
{
	io_timers_remove(&c->timer);
	c->state = CONN_LINGER;
	worker_websockets_add(c->w, -1);
	worker_conn_close_soon(c);
	if (c->state != CONN_DEAD)
		worker_conn_update_reading(c);
}

/* Keep how it ended, which few have to. False: there is no memory, and the connection is dead. */
static bool
ended_keep(struct worker_conn *c, const struct hx_closing *why)
{
	struct worker_websocket *ws = c->websocket;

	if (ws->ended == why)
		return true;
	if (ws->ended == NULL)
		ws->ended = malloc(sizeof(*ws->ended));
	if (ws->ended == NULL) {
		worker_conn_kill(c);
		return false;
	}
	*ws->ended = *why;
	return true;
}

static void
end(struct worker_conn *c, const struct hx_closing *why)
{
	if (!ended_keep(c, why) || !close_put(c, why))
		return;
	c->websocket->tell = true;
	worker_conn_push(c);
	worker_websocket_linger(c);
}

void
worker_websocket_end_with(struct worker_conn *c, const struct hx_closing *why)
{
	struct worker_websocket *ws = c->websocket;

	if (!ws->gave || ws->closing) {
		end(c, why);
		return;
	}
	if (!ended_keep(c, why))
		return;
	ws->held = true;
	worker_websocket_due(c);
}

void
worker_websocket_end_held(struct worker_conn *c)
{
	end(c, c->websocket->ended);
}

void
worker_websocket_end(struct worker_conn *c, unsigned code)
{
	if (c->state == CONN_MESSAGES)
		end(c, &(struct hx_closing){ .code = code });
}

void
worker_websocket_fail(struct worker_conn *c, unsigned code, const char *reason)
{
	struct hx_closing why = { .code = code, .reason_len = strlen(reason) };

	must(why.reason_len <= sizeof(why.reason) - 2);
	memcpy(why.reason, reason, why.reason_len);
	worker_websocket_end_with(c, &why);
}

void
worker_websocket_due(struct worker_conn *c)
{
	must(c->state == CONN_MESSAGES);
	c->messages_due = true;
	worker_conn_push(c);
}

void
worker_websocket_wanted(struct worker_conn *c)
{
	struct worker_websocket *ws = c->websocket;
	bool was_full = ws->given >= WORKER_HIGH_WATER;

	ws->given = 0;
	if (was_full)
		worker_websocket_due(c);
}

void
worker_websocket_tell(struct worker_conn *c)
{
	struct worker_websocket *ws = c->websocket;

	if (ws == NULL || !ws->tell)
		return;
	ws->tell = false;
	pyb_websocket_closed(&c->x, ws->ended);
}

void
worker_websocket_released(struct worker_conn *c)
{
	must(c->state == CONN_MESSAGES);
	if (c->websocket->closing)
		worker_websocket_wanted(c);	/* what waits may be the client's answer */
	else if (c->websocket->held)
		worker_websocket_end_held(c);
	else
		worker_websocket_linger(c);
}

/* Compress from now on, if the client offers it. Its answer is added to the fields. 0, or -1 when out of
 * memory. */
static int
deflate_agree(struct worker_conn *c, struct worker_websocket *ws, const struct hx_header **fields,
    size_t *n)
{
	struct hx_deflate_terms terms;
	struct hx_header *all;
	char *answer;

	if (c->w->options.conf.ws_per_message_deflate != DEFLATE_ON ||
	    !hx_deflate_terms_choose(&c->x, &terms))
		return 0;
	all = arena_alloc(&c->x.arena, (*n + 1) * sizeof(*all));
	answer = arena_alloc(&c->x.arena, HX_DEFLATE_ANSWER_MOST);
	if (all == NULL || answer == NULL)
		return -1;
	memcpy(all, *fields, *n * sizeof(*all));
	/* What a client has sent it may refer to, unless it is told not to. */
	terms.client_anew = terms.client_anew || c->w->options.conf.ws_deflate_rest_ms > 0;
	all[*n] = (struct hx_header){ SLICE_LIT("sec-websocket-extensions"),
	    { answer, hx_deflate_terms_write(answer, &terms) } };
	++*n;
	*fields = all;
	ws->in.compression = true;
	ws->sent = (struct worker_window){ .bits = terms.server_bits, .anew = terms.server_anew };
	ws->received = (struct worker_window){ .bits = terms.client_bits, .anew = terms.client_anew };
	return 0;
}

static int
websocket_accept(struct hx_exchange *x, const struct hx_header *fields, size_t n)
{
	struct worker_conn *c = x->owner;
	struct worker_websocket *ws = (struct worker_websocket *)(void *)c->messages;

	_Static_assert(sizeof(*ws) <= sizeof(c->messages), "WORKER_MESSAGES_BYTES");
	if (c->state != CONN_RUNNING)
		return -1;	/* the client has left, and the application has not heard of it yet */
	must(!c->content_open);
	memset(ws, 0, sizeof(*ws));
	if (deflate_agree(c, ws, &fields, &n) < 0 || worker_reply_calls.head(x, 101, fields, n) < 0)
		return -1;
	ws->in.limit = (uint64_t)c->w->options.conf.ws_max_size;
	ws->streams = &c->w->streams;
	c->websocket = ws;
	worker_hands_drop(c);
	hx_exchange_reset(x);
	x->state = HX_HEAD_SENT;
	x->status = 101;
	c->state = CONN_MESSAGES;
	worker_websockets_add(c->w, 1);
	worker_count(c->w, SHM_COUNT_websockets, 1);
	worker_websocket_ping_later(c);
	if (worker_input_next(&c->input) < 0)
		worker_conn_kill(c);
	else if (c->w->websockets_over)
		worker_websocket_end(c, HX_CLOSE_RESTART);
	else
		worker_websocket_due(c);
	return 0;
}

/* Is a message of so many bytes compressed? Then what that goes on from does not rest. */
static bool
is_worth_packing(struct worker_conn *c, size_t len)
{
	if (!c->websocket->in.compression || len < PACKED_LEAST)
		return false;
	if (c->w->options.conf.ws_deflate_rest_ms > 0)
		io_timers_touch(&c->w->timeouts.rest, &c->websocket->rest_timer);
	return true;
}

void
worker_websocket_rest_due(struct io_timer *timer)
{
	struct worker_websocket *ws = container_of(timer, struct worker_websocket, rest_timer);

	worker_deflate_window_fini(ws->streams, &ws->sent, true);
}

/* One frame into the output; the piece is released in any case. 0, or -1 when out of memory. */
static int
message_put(struct worker_conn *c, enum hx_opcode opcode, struct hx_piece piece)
{
	struct worker_websocket *ws = c->websocket;
	char *head;
	int rc;

	if (is_worth_packing(c, piece.bytes.len)) {
		rc = worker_deflate_put(&c->w->streams, &ws->sent, &c->out, opcode, piece.bytes);
		hx_exchange_piece_drop(piece);
		return rc;
	}
	head = io_output_reserve(&c->out, HX_FRAME_HEAD_MOST);
	if (head == NULL) {
		hx_exchange_piece_drop(piece);
		return -1;
	}
	io_output_commit(&c->out, hx_frame_write(head, opcode, false, piece.bytes.len));
	return worker_pieces_append(c, piece) == WORKER_PIECE_PUT ? 0 : -1;
}

/* A message was queued, or `rc` is -1 and it was not. Returns that. */
static int
message_done(struct worker_conn *c, int rc)
{
	if (rc < 0) {
		worker_conn_kill(c);
		return -1;
	}
	worker_count(c->w, SHM_COUNT_websocket_messages_out, 1);
	worker_conn_dirty(c);
	return 0;
}

static bool
is_open(const struct worker_conn *c)
{
	return c->state == CONN_MESSAGES && !c->websocket->closing;
}

static int
websocket_send(struct hx_exchange *x, enum hx_opcode opcode, struct hx_piece piece)
{
	struct worker_conn *c = x->owner;

	if (is_open(c))
		return message_done(c, message_put(c, opcode, piece));
	hx_exchange_piece_drop(piece);
	return -1;
}

static int
websocket_share(struct hx_exchange *x, struct hx_broadcast *b)
{
	struct worker_conn *c = x->owner;

	return is_open(c) ?
	    message_done(c, worker_websocket_share(c, b, is_worth_packing(c, b->payload.len))) : -1;
}

static void
websocket_close(struct hx_exchange *x, const struct hx_closing *closing)
{
	struct worker_conn *c = x->owner;

	if (c->state == CONN_MESSAGES && close_put(c, closing))
		io_timers_touch(&c->w->timeouts.closing, &c->timer);
}

void
worker_websocket_ping_due(struct io_timer *timer)
{
	struct worker_conn *c = conn_of(timer);
	struct worker_websocket *ws = c->websocket;
	char frame[HX_FRAME_CONTROL_BYTES];
	size_t head = hx_frame_write(frame, HX_PING, false, PING_BYTES);

	must(c->state == CONN_MESSAGES && !ws->closing);
	if (getrandom(ws->ping, PING_BYTES, GRND_NONBLOCK) != PING_BYTES)
		memset(ws->ping, 0, PING_BYTES);
	memcpy(frame + head, ws->ping, PING_BYTES);
	ws->pinged = true;
	if (worker_websocket_frame_put(c, frame, head + PING_BYTES))
		io_timers_touch(c->w->options.conf.ws_ping_timeout_ms > 0 ?
		    &c->w->timeouts.pong : &c->w->timeouts.ping, &c->timer);
}

/* Who is not read cannot be heard: the application is slow, not the client. */
void
worker_websocket_pong_late(struct io_timer *timer)
{
	struct worker_conn *c = conn_of(timer);

	if (!c->reading || c->messages_due || c->websocket->given >= WORKER_HIGH_WATER) {
		io_timers_touch(&c->w->timeouts.pong, &c->timer);
		return;
	}
	worker_count(c->w, SHM_COUNT_timeouts, 1);
	worker_websocket_fail(c, HX_CLOSE_FAILED, "keepalive ping timeout");
}

void
worker_websocket_close_late(struct io_timer *timer)
{
	struct worker_conn *c = conn_of(timer);

	/* The Close frame has not gone out: then the time-out of writing decides. */
	if (c->out.backlog > 0) {
		io_timers_touch(&c->w->timeouts.closing, &c->timer);
		return;
	}
	worker_count(c->w, SHM_COUNT_timeouts, 1);
	worker_conn_kill(c);
}

void
worker_websocket_free(struct worker_conn *c)
{
	struct worker_websocket *ws = c->websocket;

	if (ws == NULL)
		return;
	io_timers_remove(&ws->rest_timer);
	worker_deflate_window_fini(&c->w->streams, &ws->sent, true);
	worker_deflate_window_fini(&c->w->streams, &ws->received, false);
	free(ws->ended);
	c->websocket = NULL;
}

const struct hx_websocket_calls worker_websocket_calls = {
	.accept = websocket_accept,
	.send = websocket_send,
	.share = websocket_share,
	.close = websocket_close,
};
