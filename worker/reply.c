/*
 * reply: the exchange's calls, from answers to bytes.
 *
 * Called by the rest of worker/ (refusals). The bindings reach it through the
 * exchange's hx_calls with the interpreter held. Bytes are only queued here; flush.c
 * sends them at the end of the turn. When the connection is dead, or the server itself
 * has refused the request, every call releases what it is given and says that the peer
 * is gone.
 */
#include "worker/reply.h"

#include "base/decimal.h"
#include "base/log.h"
#include "base/must.h"
#include "bindings/request.h"
#include "http/serialize.h"
#include "http/status.h"
#include "worker/conductor.h"
#include "worker/content.h"
#include "worker/handover.h"
#include "worker/hands.h"
#include "worker/pieces.h"
#include "worker/websocket/websocket.h"

static struct worker_conn *
conn_of(struct hx_exchange *x)
{
	return x->owner;
}

static void
status_count(struct worker *w, int status)
{
	if (status < 100 || status > 599)
		return;
	if (status < 200)
		worker_count(w, SHM_COUNT_answers_1xx, 1);
	else if (status < 300)
		worker_count(w, SHM_COUNT_answers_2xx, 1);
	else if (status < 400)
		worker_count(w, SHM_COUNT_answers_3xx, 1);
	else if (status < 500)
		worker_count(w, SHM_COUNT_answers_4xx, 1);
	else
		worker_count(w, SHM_COUNT_answers_5xx, 1);
}

/* Status line and fields into the output. 0, or -1: the connection is dead. */
static int
head_put(struct worker_conn *c, int status, const struct hx_header *fields, size_t n)
{
	struct slice preset = worker_preset_get(&c->w->preset);
	int rc = worker_added_to(&c->w->added, &c->x, &fields, &n);
	size_t room = hx_serialize_room(fields, n, preset);
	char *out = rc == 0 ? io_output_reserve(&c->out, room) : NULL;
	bool keep_alive = c->x.req.h1.keep_alive && !c->close_after &&
	    (!c->w->draining || worker_handover_is_due(c)) &&
	    !(c->content_open && !worker_content_discardable(c));
	ssize_t len = -1;

	must(c->x.state == HX_IDLE || c->x.state == HX_RUNNING);
	if (out != NULL) {
		len = hx_serialize_head(out, room, &c->x, keep_alive, status, fields, n,
		    preset, &c->x.promise);
		if (len < 0)
			log_warnx("answer has a field that cannot be sent");
	}
	if (len < 0) {
		c->x.status = 500;	/* for the access log: nothing is sent */
		worker_conn_kill(c);
		return -1;
	}
	io_output_commit(&c->out, (size_t)len);
	c->x.state = HX_HEAD_SENT;
	c->x.status = status;
	status_count(c->w, status);
	if (c->w->access != NULL)
		worker_access_answered(c, fields, n, (struct slice){ out, (size_t)len });
	if (!c->x.promise.keep_alive)
		c->close_after = c->said_close = true;
	return 0;
}

static void reply_abort(struct hx_exchange *x);

static int
reply_body(struct hx_exchange *x, struct hx_piece piece, bool last)
{
	struct worker_conn *c = conn_of(x);

	if (c->state != CONN_RUNNING || x->state != HX_HEAD_SENT) {
		hx_exchange_piece_drop(piece);
		return -1;
	}
	if (x->promise.content)
		c->access.bytes_out += piece.bytes.len;
	switch (worker_pieces_put(c, piece, last)) {
	case WORKER_PIECE_PUT:
		break;
	case WORKER_PIECE_CUT:
		reply_abort(x);
		return -1;
	case WORKER_PIECE_FAILED:
		worker_conn_kill(c);
		return -1;
	}
	worker_conn_dirty(c);
	if (!last)
		return 0;
	x->state = HX_DONE;
	if (x->promise.content && x->promise.left > 0) {
		log_warnx("answer is shorter than its content-length");
		c->close_after = true;
	}
	if (c->w->access != NULL)
		worker_access_ended(c);
	return 0;
}

static int
reply_head(struct hx_exchange *x, int status, const struct hx_header *fields, size_t n)
{
	struct worker_conn *c = conn_of(x);

	/* What the application does from now on is no longer its answer's beginning, whoever hears it. */
	io_timers_remove(&c->rule_timer);
	if (c->state != CONN_RUNNING || x->state != HX_RUNNING)
		return -1;
	if (head_put(c, status, fields, n) < 0)
		return -1;
	/* The first content may be long in coming. What comes in this turn leaves with
	 * the head. */
	worker_conn_dirty(c);
	return 0;
}

static int
reply_answer(struct hx_exchange *x, int status, const struct hx_header *fields, size_t n,
    struct hx_piece content)
{
	conn_of(x)->access.whole = true;
	if (reply_head(x, status, fields, n) < 0) {
		hx_exchange_piece_drop(content);
		return -1;
	}
	return reply_body(x, content, true);
}

static bool
reply_full(struct hx_exchange *x)
{
	struct worker_conn *c = conn_of(x);
	bool full = c->out.backlog >= WORKER_HIGH_WATER;

	if (full)
		c->backlog_high = true;
	return full;
}

static bool
reply_unsent(struct hx_exchange *x)
{
	struct worker_conn *c = conn_of(x);

	c->backlog_any = c->out.backlog > 0;
	return c->backlog_any;
}

static void
reply_want_read(struct hx_exchange *x)
{
	struct worker_conn *c = conn_of(x);

	if (c->state == CONN_MESSAGES)
		worker_websocket_wanted(c);
	if (c->state != CONN_RUNNING)
		return;
	if (c->content_waiter == WAITER_NONE)
		c->content_waiter = WAITER_APP;
	if (c->content_open && !c->sent_continue && x->state == HX_RUNNING) {
		if (io_output_copy(&c->out, "HTTP/1.1 100 Continue\r\n\r\n", 25) < 0) {
			worker_conn_kill(c);
			return;
		}
		c->sent_continue = true;
		status_count(c->w, 100);
		worker_conn_dirty(c);
	}
	worker_conn_update_reading(c);
}

/* The fields of an answer that the server itself makes, whose content is a plain text. The
 * connection ends after it. */
struct own_fields {
	struct hx_header all[4];
	size_t n;
	char length[DECIMAL_MAX];
};

static void
own_fields_init(struct own_fields *f, struct slice text)
{
	f->all[0] = (struct hx_header){ SLICE_LIT("content-type"),
	    SLICE_LIT("text/plain; charset=utf-8") };
	f->all[1] = (struct hx_header){ SLICE_LIT("content-length"),
	    { f->length, decimal_put(f->length, text.len) } };
	f->all[2] = (struct hx_header){ SLICE_LIT("connection"), SLICE_LIT("close") };
	f->n = 3;
}

static void
reply_abort(struct hx_exchange *x)
{
	struct worker_conn *c = conn_of(x);
	struct slice text = hx_status_phrase(500);
	struct own_fields fields;

	if (c->state != CONN_RUNNING || x->state == HX_DONE)
		return;
	if (x->state == HX_RUNNING) {
		own_fields_init(&fields, text);
		reply_answer(x, 500, fields.all, fields.n, (struct hx_piece){ .bytes = text });
		return;
	}
	x->state = HX_FAILED;
	if (c->w->access != NULL)
		worker_access_ended(c);
	if (worker_conn_end_is_content(c)) {
		worker_conn_kill(c);
		return;
	}
	/* What is queued goes out, the last chunk or the rest of the length does not:
	 * the client sees that the answer is not complete. */
	c->close_after = true;
	worker_conn_dirty(c);
}

/* The exchange is over and the connection ends with it. It lingers when input is
 * unread, so that no reset destroys the answer. */
static void
close_released(struct worker_conn *c)
{
	bool input_left = c->content_open || worker_input_unused(&c->input) > 0;

	c->state = input_left && !c->eof ? CONN_LINGER : CONN_IDLE;
	worker_conn_close_soon(c);
	worker_conn_update_reading(c);
}

static void
reply_released(struct hx_exchange *x)
{
	struct worker_conn *c = conn_of(x);

	must(!pyb_request_active(x));
	worker_rules_end(c);
	if (c->state == CONN_DEAD) {
		worker_conn_push(c);
		return;
	}
	if (c->content_open && !worker_content_discardable(c))
		c->close_after = true;
	/* Whoever has not answered has aborted, unless the content was cut. */
	must(c->state != CONN_RUNNING || x->state == HX_DONE || x->state == HX_FAILED ||
	    x->content.aborted);
	c->discarded = x->content.received;
	if (x->content.received >= WORKER_HIGH_WATER)
		worker_memory_large(&c->w->memory);
	hx_exchange_reset(x);
	c->content_waiter = WAITER_NONE;
	c->content_due = c->cancel_due = c->backlog_high = c->backlog_any = false;
	if (c->state == CONN_MESSAGES)
		worker_websocket_released(c);
	if (c->state != CONN_RUNNING)
		return;
	worker_hands_drop(c);
	if (c->close_after) {
		close_released(c);
		return;
	}
	c->state = c->content_open ? CONN_DISCARD : CONN_IDLE;
	if (c->content_open)
		io_timers_touch(c->content_time, &c->timer);
	if (worker_input_next(&c->input) < 0) {
		worker_conn_kill(c);
		return;
	}
	worker_input_trim(&c->input);
	worker_conductor_advance(c);
}

/* The request in hand, or what should have become one, is over, and the connection ends
 * when everything is sent. An application that runs is told that its answer, or the rest
 * of it, will not be sent. */
static void
request_end(struct worker_conn *c)
{
	bool active = pyb_request_active(&c->x);

	io_timers_remove(&c->timer);
	if (c->state == CONN_RUNNING)
		worker_hands_drop(c);
	c->state = CONN_LINGER;
	c->close_after = true;
	c->content_waiter = WAITER_NONE;
	c->start_due = c->room_due = c->content_open = false;
	if (active) {
		c->x.content.aborted = true;
		c->content_due = true;
		worker_conn_push(c);
	} else {
		worker_rules_end(c);
	}
	worker_conn_dirty(c);
	worker_conn_update_reading(c);
}

/* The answer of a refusal. 0, or -1: the connection is dead. */
static int
refusal_put(struct worker_conn *c, enum hx_refusal why)
{
	struct slice text = hx_refusal_text(why);
	struct own_fields fields;

	own_fields_init(&fields, text);
	/* RFC 9110 section 15.5.6: a 405 must have it. */
	if (hx_refusal_status(why) == 405)
		fields.all[fields.n++] = (struct hx_header){ SLICE_LIT("allow"),
		    SLICE_LIT("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS") };
	/* RFC 6455 section 4.4. */
	if (hx_refusal_status(why) == 426)
		fields.all[fields.n++] = (struct hx_header){ SLICE_LIT("sec-websocket-version"),
		    SLICE_LIT("13") };
	if (why == HX_REFUSE_too_busy)
		fields.all[fields.n++] = (struct hx_header){ SLICE_LIT("retry-after"), SLICE_LIT("1") };
	/* The text says what was wrong, whatever the method. */
	c->x.is_head = false;
	if (head_put(c, hx_refusal_status(why), fields.all, fields.n) < 0)
		return -1;
	c->access.bytes_out += text.len;
	if (io_output_copy(&c->out, text.ptr, text.len) == 0)
		return 0;
	worker_conn_kill(c);
	return -1;
}

void
worker_reply_refuse(struct worker_conn *c, enum hx_refusal why)
{
	must(c->state != CONN_LINGER && c->state != CONN_DEAD);
	worker_count(c->w, SHM_COUNT_refused, 1);
	if (c->x.state == HX_HEAD_SENT || c->x.state == HX_FAILED) {
		worker_conn_kill(c);
		return;
	}
	c->close_after = true;
	if (c->w->options.conf.request_id && c->x.request_id.len == 0)
		worker_request_id_set(&c->w->ids, NULL, &c->x);
	if (c->w->access != NULL && c->state == CONN_IDLE) {
		c->x.origin = c->x.peer;
		worker_access_begun(c);
	}
	if (c->x.state != HX_DONE && c->state != CONN_DISCARD && refusal_put(c, why) < 0)
		return;
	if (c->w->access != NULL)	/* of a request that has not begun, too */
		worker_access_ended(c);
	request_end(c);
}

void
worker_reply_drop(struct worker_conn *c)
{
	must(c->state == CONN_RUNNING);
	if (c->x.state != HX_DONE)
		worker_count(c->w, SHM_COUNT_aborted, 1);
	request_end(c);
}

const struct hx_calls worker_reply_calls = {
	.answer = reply_answer,
	.head = reply_head,
	.body = reply_body,
	.full = reply_full,
	.unsent = reply_unsent,
	.want_read = reply_want_read,
	.abort = reply_abort,
	.released = reply_released,
};
