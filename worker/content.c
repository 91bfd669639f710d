/*
 * content: framing, limits, and who gets the bytes.
 *
 * Called by conn.c with input as it arrives, without the interpreter, by conductor.c
 * when it begins and by reply.c when the rest is not wanted. The application is told
 * through the connection's job.
 */
#include "worker/content.h"

#include <stdint.h>

#include "base/must.h"
#include "worker/conductor.h"
#include "worker/reply.h"

/* Take one piece of content. False: the request was refused, or the connection ends. */
static bool
content_add(struct worker_conn *c, struct slice data)
{
	uint64_t limit = c->limit_body;

	if (c->state == CONN_DISCARD) {
		c->discarded += data.len;
		if (limit == 0 || c->discarded <= limit)
			return true;
		c->state = CONN_LINGER;
		worker_conn_close_soon(c);
		return false;
	}
	if (limit != 0 && c->x.content.received + data.len > limit) {
		worker_reply_refuse(c, HX_REFUSE_content_too_large);
		return false;
	}
	c->x.content.received += data.len;
	if (hx_exchange_content_append(&c->x, data) == 0)
		return true;
	worker_reply_refuse(c, HX_REFUSE_no_memory);
	return false;
}

/* Take the content that stands first in the bytes. Returns how many of the bytes belong to
 * it; those behind them are the next request's. After a refusal it returns `len`, because
 * no request follows. */
static size_t
content_take(struct worker_conn *c, const char *bytes, size_t len)
{
	enum hx_refusal why = HX_ACCEPTED;
	size_t used_all = 0;

	while (c->content_open) {
		struct slice data = SLICE_NULL;
		size_t used = 0;

		switch (hx_framing_feed(&c->framing, bytes + used_all, len - used_all, &used,
		    &data, &why)) {
		case HX_FRAMING_MORE:
			return used_all + used;
		case HX_FRAMING_DATA:
			if (!content_add(c, data))
				return len;
			break;
		case HX_FRAMING_DONE:
			c->content_open = false;
			c->x.content.complete = c->state == CONN_RUNNING;
			break;
		case HX_FRAMING_REFUSED:
			worker_reply_refuse(c, why);
			return len;
		}
		used_all += used;
	}
	return used_all;
}

void
worker_content_begin(struct worker_conn *c)
{
	const struct hx_request *req = &c->x.req;
	struct hx_content *content = &c->x.content;
	size_t here = worker_input_left(&c->input);

	must(c->state == CONN_RUNNING);
	c->content_open = req->h1.chunked || req->content_length > 0;
	content->complete = !c->content_open;
	if (!c->content_open)
		return;
	hx_framing_init(&c->framing, req, &c->w->limits);
	if (req->h1.chunked) {
		worker_input_use(&c->input, content_take(c, worker_input_at(&c->input), here));
		return;
	}
	if (here > req->content_length)
		here = (size_t)req->content_length;
	/* Borrowed, until more comes or the application takes it. */
	content->data = worker_input_at(&c->input);
	content->len = here;
	content->received = here;
	content->complete = here == req->content_length;
	c->content_open = !content->complete;
	c->framing.left -= here;
	worker_input_use(&c->input, here);
}

char *
worker_content_room(const struct worker_conn *c, size_t *room)
{
	const struct hx_content *content = &c->x.content;
	uint64_t left = c->framing.left;

	if (c->state != CONN_RUNNING || !c->content_open || !content->lent ||
	    content->len == content->cap)
		return NULL;
	/* A short chunk is better read with those that follow it. */
	if (c->framing.state != HX_FRAMING_LENGTH &&
	    (c->framing.state != HX_FRAMING_CHUNK || left < WORKER_READ_BYTES / 2))
		return NULL;
	*room = content->cap - content->len;
	if (*room > left)
		*room = (size_t)left;
	return (char *)(uintptr_t)content->data + content->len;
}

/* A plan waits for large content of a length that is known, and has no room for it yet, or
 * none any more. */
static bool
wants_room(const struct worker_conn *c)
{
	const struct hx_content *content = &c->x.content;

	return !content->complete && c->x.req.content_length > WORKER_READ_BYTES &&
	    (!content->lent || content->len == content->cap);
}

void
worker_content_wait(struct worker_conn *c)
{
	c->content_waiter = WAITER_PLAN;
	c->x.calls->want_read(&c->x);
	if (c->state == CONN_RUNNING && wants_room(c)) {
		c->room_due = true;
		worker_conn_push(c);
	}
}

size_t
worker_content_feed(struct worker_conn *c, const char *bytes, size_t len)
{
	size_t used;

	must(c->content_open);
	used = content_take(c, bytes, len);
	/* The client has sent something: its time runs anew. That of a request in hand is
	 * started by worker_conn_update_reading() when more is due. */
	if (c->state == CONN_DISCARD)
		io_timers_touch(c->content_time, &c->timer);
	if (c->state != CONN_RUNNING)
		return used;
	io_timers_remove(&c->timer);
	if (c->content_waiter != WAITER_PLAN) {
		c->content_waiter = WAITER_NONE;
		c->content_due = true;
		worker_conn_push(c);
	} else if (c->x.content.complete) {
		c->content_waiter = WAITER_NONE;
		worker_conductor_ready(c);
	} else if (wants_room(c)) {
		c->room_due = true;
		worker_conn_push(c);
	}
	return used;
}

void
worker_content_cut(struct worker_conn *c)
{
	must(c->content_open);
	if (c->state == CONN_RUNNING) {
		worker_reply_drop(c);
	} else {
		c->content_open = false;
		c->state = CONN_IDLE;
	}
}

bool
worker_content_discardable(const struct worker_conn *c)
{
	must(c->content_open);
	return c->sent_continue && !c->eof;
}
