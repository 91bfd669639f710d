/*
 * conductor: head, content, application, next.
 *
 * Reached from conn_io.c (bytes), from reply.c (the exchange was released) and
 * from the FIFO. Everything up to the application's start happens without the
 * interpreter, in libevent's callback.
 */
#include "worker/conductor.h"

#include "bindings/request.h"
#include "http/policy.h"

enum { PIPELINE_PER_TURN = 32, CONTENT_HIGH = 64 * 1024 };

static void
start(struct worker_conn *c)
{
	c->start_due = true;
	if (c->in_job)
		c->again = true;
	else
		worker_conn_push(c);
}

/* One slice of content arrived. False: out of memory, the connection is dead. */
static bool
content_add(struct worker_conn *c, struct slice data)
{
	uint64_t limit = c->w->options.limits.body;

	if (limit != 0 && c->x.content.received + data.len > limit) {
		worker_reply_refuse(c, 413, "Content Too Large");
		return false;
	}
	c->x.content.received += data.len;
	if (hx_content_append(&c->x, data) == 0)
		return true;
	worker_conn_kill(c);
	return false;
}

/* Feed `len` bytes to the framing; returns how many belong to this request's
 * content. */
static size_t
content_feed(struct worker_conn *c, char *bytes, size_t len)
{
	const struct hx_refusal *why = NULL;
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
			c->x.content.complete = true;
			break;
		case HX_FRAMING_REFUSED:
			worker_reply_refuse(c, why->status, why->reason);
			return len;
		}
		used_all += used;
	}
	return used_all;
}

/* Content (or its end) has arrived for a request in hand. */
static void
content_arrived(struct worker_conn *c)
{
	if (c->waits_content) {
		if (c->x.content.complete) {
			c->waits_content = false;
			start(c);
		}
	} else if (c->state == CONN_RUNNING) {
		c->content_due = true;
		worker_conn_push(c);
	}
}

/* The content that came with the head: borrowed in place when it is all there. */
static void
content_begin(struct worker_conn *c)
{
	struct hx_request *req = &c->x.req;
	size_t here = c->in_len - c->in_pos;

	c->content_open = req->chunked || req->content_length > 0;
	c->x.content.complete = !c->content_open;
	if (!c->content_open)
		return;
	if (!req->chunked && req->content_length <= here) {
		c->x.content.data = c->in + c->in_pos;
		c->x.content.len = (size_t)req->content_length;
		c->x.content.received = req->content_length;
		c->x.content.complete = true;
		c->in_pos += (size_t)req->content_length;
		c->content_open = false;
		return;
	}
	hx_framing_init(&c->framing, req);
	c->in_pos += content_feed(c, c->in + c->in_pos, here);
}

/* A complete head is at in_pos: begin its exchange. */
static void
request_begin(struct worker_conn *c, size_t head_len)
{
	uint64_t limit = c->w->options.limits.body;

	c->in_pos += head_len;
	c->state = CONN_RUNNING;
	c->x.state = HX_RUNNING;
	c->x.is_head = slice_equal(c->x.req.method_name, SLICE_LIT("HEAD"));
	c->sent_continue = !c->x.req.expect_continue;
	c->w->counters.requests++;
	io_timers_remove(&c->timer);
	if (limit != 0 && c->x.req.content_length > limit) {
		worker_reply_refuse(c, 413, "Content Too Large");
		return;
	}
	content_begin(c);
	if (c->state != CONN_RUNNING)
		return;
	if (pyb_request_wants_content(c->w->app, &c->x) && c->content_open) {
		c->waits_content = true;
		c->x.calls->want_read(&c->x);
	} else {
		start(c);
	}
}

static void
head_read(struct worker_conn *c)
{
	const struct hx_refusal *why = NULL;
	size_t len = c->in_len - c->in_pos;
	int used;

	if (len == 0) {
		io_timers_touch(&c->w->idle_timers, &c->timer);
		return;
	}
	used = hx_parse_head(&c->x, c->in + c->in_pos, len, &c->scanned,
	    &c->w->options.limits, &why);
	if (used > 0) {
		c->scanned = 0;
		request_begin(c, (size_t)used);
	} else if (used < 0) {
		worker_reply_refuse(c, why->status, why->reason);
	} else if (c->timer.next == NULL || c->scanned == 0) {
		io_timers_touch(&c->w->header_timers, &c->timer);
	}
}

void
worker_conductor_advance(struct worker_conn *c)
{
	size_t used;

	if (c->state == CONN_IDLE) {
		head_read(c);
	} else if (c->state == CONN_RUNNING && c->content_open && c->ahead_len > 0) {
		used = content_feed(c, c->ahead, c->ahead_len);
		if (c->state == CONN_RUNNING) {
			c->ahead_len -= used;
			memmove(c->ahead, c->ahead + used, c->ahead_len);
			io_timers_touch(&c->w->content_timers, &c->timer);
			if (!c->content_open)
				io_timers_remove(&c->timer);
			content_arrived(c);
		}
	}
	worker_conn_update_reading(c);
}

void
worker_conductor_job(struct io_job *job)
{
	struct worker_conn *c = (struct worker_conn *)((char *)job - offsetof(struct worker_conn, job));

	io_output_reap(&c->out);
	if (worker_conn_bury(c))
		return;
	c->in_job = true;
	if (c->content_due && pyb_request_active(&c->x))
		pyb_request_content(&c->x);
	if (c->writable_due && pyb_request_active(&c->x))
		pyb_request_writable(&c->x);
	c->content_due = c->writable_due = false;
	for (int i = 0; c->start_due && c->state == CONN_RUNNING; i++) {
		if (i == PIPELINE_PER_TURN) {
			worker_conn_push(c);
			break;
		}
		c->start_due = c->again = false;
		pyb_request_start(c->w->app, &c->x);
	}
	c->in_job = false;
	worker_conn_bury(c);
}
