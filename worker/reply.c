/*
 * reply: the exchange's calls, from answers to bytes.
 *
 * Called by the bindings with the interpreter held. Bytes are only queued
 * here; the turn's flush sends them, one writev per connection.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/must.h"
#include "worker/conductor.h"

static struct worker_conn *
conn_of(struct hx_exchange *x)
{
	return x->owner;
}

static void
piece_drop(struct hx_piece piece)
{
	if (piece.release != NULL)
		piece.release(piece.arg);
}

static void
queue(struct worker_conn *c)
{
	io_turn_dirty(c->w->turn, &c->flush);
}

/* Status line and fields into the output. 0, or -1: the connection is dead. */
static int
head_put(struct worker_conn *c, int status, const struct hx_header *fields, size_t n)
{
	struct slice preset = worker_preset(c->w);
	size_t room = hx_serialize_room(fields, n, preset);
	char *out = io_output_reserve(&c->out, room);
	ssize_t len;

	if (c->w->draining || c->close_after)
		c->x.req.keep_alive = false;
	len = out == NULL ? -1 : hx_serialize_head(out, room, &c->x, status, fields, n,
	    preset, &c->plan);
	if (len < 0) {
		worker_conn_kill(c);
		return -1;
	}
	io_output_commit(&c->out, (size_t)len);
	c->x.state = HX_HEAD_SENT;
	c->x.status = status;
	c->w->counters.answers[status / 100 < 6 ? status / 100 : 0]++;
	c->answer_left = c->plan.length;
	if (!c->plan.keep_alive)
		c->close_after = true;
	return 0;
}

static int
piece_put(struct worker_conn *c, struct hx_piece piece)
{
	if (piece.release == NULL)
		return io_output_copy(&c->out, piece.bytes.ptr, piece.bytes.len);
	if (io_output_refer(&c->out, piece.bytes.ptr, piece.bytes.len, piece.release,
	    piece.arg) == 0)
		return 0;
	piece_drop(piece);
	return -1;
}

/* Is content sent at all with this status? RFC 9110 section 6.4.1. */
static bool
content_allowed(const struct worker_conn *c)
{
	return !c->x.is_head && c->x.status >= 200 && c->x.status != 204 &&
	    c->x.status != 304;
}

static int
content_put(struct worker_conn *c, struct hx_piece piece, bool last)
{
	char size[20];
	size_t n;
	int rc = 0;

	if (!content_allowed(c)) {
		piece_drop(piece);
		return 0;
	}
	if (c->plan.has_length && piece.bytes.len > c->answer_left) {
		piece_drop(piece);
		log_warnx("answer is longer than its content-length");
		return -1;
	}
	c->answer_left -= c->plan.has_length ? piece.bytes.len : 0;
	if (piece.bytes.len == 0)
		piece_drop(piece);
	else if (c->plan.chunked) {
		n = hx_serialize_chunk_head(size, piece.bytes.len);
		rc = io_output_copy(&c->out, size, n);
		rc = piece_put(c, piece) < 0 ? -1 : rc;
		rc = io_output_copy(&c->out, "\r\n", 2) < 0 ? -1 : rc;
	} else {
		rc = piece_put(c, piece);
	}
	if (last && c->plan.chunked && rc == 0)
		rc = io_output_copy(&c->out, "0\r\n\r\n", 5);
	return rc;
}

/* The answer is complete; content the application did not read still comes. */
static void
answer_end(struct worker_conn *c)
{
	c->x.state = HX_DONE;
	if (c->plan.has_length && c->answer_left > 0 && content_allowed(c)) {
		log_warnx("answer is shorter than its content-length");
		c->close_after = true;
	}
	if (c->content_open)
		c->close_after = true;
	queue(c);
}

static int
reply_body(struct hx_exchange *x, struct hx_piece piece, bool last)
{
	struct worker_conn *c = conn_of(x);

	if (c->state == CONN_DEAD) {
		piece_drop(piece);
		return -1;
	}
	if (content_put(c, piece, last) < 0) {
		worker_conn_kill(c);
		return -1;
	}
	if (last)
		answer_end(c);
	else
		queue(c);
	return 0;
}

static int
reply_head(struct hx_exchange *x, int status, const struct hx_header *fields, size_t n)
{
	struct worker_conn *c = conn_of(x);

	return c->state == CONN_DEAD ? -1 : head_put(c, status, fields, n);
}

static int
reply_answer(struct hx_exchange *x, int status, const struct hx_header *fields, size_t n,
    struct hx_piece content)
{
	if (reply_head(x, status, fields, n) < 0) {
		piece_drop(content);
		return -1;
	}
	return reply_body(x, content, true);
}

static size_t
reply_backlog(struct hx_exchange *x)
{
	return conn_of(x)->out.backlog;
}

static void
reply_want_read(struct hx_exchange *x)
{
	struct worker_conn *c = conn_of(x);

	if (c->state != CONN_RUNNING)
		return;
	c->want_content = true;
	if (c->content_open && !c->sent_continue) {
		c->sent_continue = true;
		if (io_output_copy(&c->out, "HTTP/1.1 100 Continue\r\n\r\n", 25) == 0)
			queue(c);
	}
	worker_conn_update_reading(c);
}

static void
reply_abort(struct hx_exchange *x)
{
	static const struct hx_header fields[] = {
		{ { "content-type", 12 }, { "text/plain; charset=utf-8", 25 } },
		{ { "content-length", 14 }, { "21", 2 } },
		{ { "connection", 10 }, { "close", 5 } },
	};
	struct worker_conn *c = conn_of(x);

	if (c->state == CONN_DEAD)
		return;
	if (x->state == HX_RUNNING) {
		reply_answer(x, 500, fields, 3, (struct hx_piece){
		    SLICE_LIT("Internal Server Error"), NULL, NULL });
		return;
	}
	/* Cut, so that the client cannot take it for a complete answer. */
	c->close_after = true;
	x->state = HX_FAILED;
	queue(c);
}

/* The exchange is over: the connection goes on, or ends. */
static void
reply_released(struct hx_exchange *x)
{
	struct worker_conn *c = conn_of(x);

	if (c->state == CONN_DEAD) {
		worker_conn_push(c);
		return;
	}
	hx_exchange_reset(x);
	c->want_content = c->waits_content = c->content_due = false;
	if (c->state != CONN_RUNNING)
		return;
	if (c->close_after) {
		/* Unread content would turn our close into a reset. */
		c->state = c->content_open ? CONN_LINGER : CONN_IDLE;
		worker_conn_close_soon(c);
		return;
	}
	c->content_open = false;
	c->state = CONN_IDLE;
	if (worker_conn_compact(c) < 0)
		worker_conn_kill(c);
	else
		worker_conductor_advance(c);
}

void
worker_reply_refuse(struct worker_conn *c, int status, const char *reason)
{
	char length[24];
	struct hx_header fields[] = {
		{ SLICE_LIT("content-type"), SLICE_LIT("text/plain; charset=utf-8") },
		{ SLICE_LIT("content-length"), { length, 0 } },
		{ SLICE_LIT("connection"), SLICE_LIT("close") },
	};
	struct slice text = { reason, strlen(reason) };

	fields[1].value.len = (size_t)snprintf(length, sizeof(length), "%zu", text.len);
	c->w->counters.refused++;
	io_timers_remove(&c->timer);
	c->x.req.keep_alive = false;
	c->x.is_head = false;
	if (head_put(c, status, fields, 3) < 0)
		return;
	c->plan.chunked = false;
	if (content_put(c, (struct hx_piece){ text, NULL, NULL }, true) < 0) {
		worker_conn_kill(c);
		return;
	}
	c->state = CONN_LINGER;
	c->close_after = true;
	queue(c);
}

const struct hx_calls worker_reply_calls = {
	.answer = reply_answer,
	.head = reply_head,
	.body = reply_body,
	.backlog = reply_backlog,
	.want_read = reply_want_read,
	.abort = reply_abort,
	.released = reply_released,
};
