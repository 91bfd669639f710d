/*
 * conductor: head, content, application, next.
 *
 * Called by conn.c, content.c and handover.c (bytes), by reply.c (the exchange was released),
 * by flush.c (all is sent) and from the FIFO.
 *
 * The walk of one request. Without the interpreter, in libevent's callback:
 *
 *	transport.c	on_readable		bytes from the socket
 *	conn.c		worker_conn_feed	into the input buffer
 *	conductor.c	head_read		http/parse, http/policy: a head, or a refusal;
 *						before the first one proxy.c, where that is on
 *	conductor.c	request_begin		content.c frames the content,
 *						bindings/request.h matches the route
 *	conductor.c	worker_conductor_ready	queues the connection's job
 *
 * With the interpreter, from the turn's FIFO (bindings/loop/loop.c runs it):
 *
 *	conductor.c	worker_conductor_job	pyb_request_start: plan or ASGI
 *	reply.c		reply_answer		called back through x->calls: status,
 *						fields and content into the output
 *	reply.c		reply_released		called back likewise: the exchange is reset
 *
 * Without it again, at the end of the turn: flush.c writes what all requests of the
 * turn have put into the output, as a rule with one system call.
 *
 * A request that waits leaves pyb_request_start() before it has answered. Its
 * reply_* calls come later, from a job of the loop, and end in the same way.
 *
 * Re-entry. A plan that does not wait answers and releases its exchange before
 * pyb_request_start() returns. The next pipelined head is then read on the same stack:
 *
 *	worker_conductor_job
 *	    pyb_request_start			request 1
 *		reply_answer
 *		reply_released			resets the exchange: request 1 is gone
 *		    worker_conductor_advance
 *			head_read, request_begin	request 2 is in the exchange
 *			    worker_conductor_ready	start_due; in_job: no new job
 *	    pyb_request_start			request 2, by the job's own loop
 *
 * So the stack never holds more than one request. After reply_released() the exchange
 * may hold the next request: pyb_request_start() must not use it any more.
 */
#include "worker/conductor.h"

#include "base/must.h"
#include "bindings/request.h"
#include "http/forwarded.h"
#include "http/handshake.h"
#include "http/policy.h"
#include "worker/content.h"
#include "worker/handover.h"
#include "worker/hands.h"
#include "worker/proxy.h"
#include "worker/reply.h"
#include "worker/websocket/websocket.h"

enum { PIPELINE_PER_TURN = 32 };

enum { WS_SERVED };	/* the first of the words of --ws */

void
worker_conductor_ready(struct worker_conn *c)
{
	must(c->state == CONN_RUNNING && !c->start_due);
	c->start_due = true;
	/* The job that is running looks at start_due again before it ends. */
	if (!c->in_job)
		worker_conn_push(c);
}

/* Does the request ask for a WebSocket, as it must? False: it is refused. */
static bool
handshake_begin(struct worker_conn *c)
{
	enum hx_refusal why;

	c->x.handshake = c->w->options.conf.ws == WS_SERVED && hx_handshake_is_asked(&c->x);
	if (!c->x.handshake)
		return true;
	why = hx_handshake_check(&c->x);
	if (why != HX_ACCEPTED)
		worker_reply_refuse(c, why);
	else if (c->eof)
		worker_reply_drop(c);
	return why == HX_ACCEPTED && !c->eof;
}

/* A complete head is the first of what is left in the input: begin its exchange. */
static void
request_begin(struct worker_conn *c, size_t head_len)
{
	uint64_t busy = (uint64_t)c->w->options.conf.limit_concurrency;

	must(c->x.state == HX_IDLE && !pyb_request_active(&c->x));
	worker_input_use(&c->input, head_len);
	c->in_head = false;
	c->state = CONN_RUNNING;
	c->x.state = HX_RUNNING;
	hx_forwarded_read(&c->w->trust, &c->x);
	if (c->w->options.conf.request_id)
		worker_request_id_set(&c->w->ids, &c->w->trust, &c->x);
	c->x.is_head = slice_equal(c->x.req.method_name, SLICE_LIT("HEAD"));
	c->sent_continue = !c->x.req.expect_continue;
	io_timers_remove(&c->timer);
	worker_count(c->w, SHM_COUNT_requests, 1);
	worker_hands_take(c);
	if (c->w->access != NULL)
		worker_access_begun(c);
	if (busy != 0 && (c->w->open - c->w->dead - c->w->lingering >= busy || c->w->dead >= busy)) {
		worker_reply_refuse(c, HX_REFUSE_too_busy);
		return;
	}
	if (!handshake_begin(c) || (c->w->rules.n > 0 && !worker_rules_begin(c)))
		return;
	if (c->limit_body != 0 && c->x.req.content_length > c->limit_body) {
		worker_reply_refuse(c, HX_REFUSE_content_too_large);
		return;
	}
	c->x.content.peer_closed = c->eof;
	worker_content_begin(c);
	if (c->state != CONN_RUNNING)
		return;
	if (c->content_open && c->eof) {
		worker_reply_drop(c);
		return;
	}
	pyb_request_match(c->w->app, &c->x);
	worker_hands_route(c);
	if (c->content_open && pyb_request_wants_content(c->w->app, &c->x)) {
		worker_content_wait(c);
	} else {
		worker_conductor_ready(c);
	}
}

/* Between requests: read a head, or rest. */
static void
head_read(struct worker_conn *c)
{
	enum hx_refusal why = HX_ACCEPTED;
	size_t len;
	int used;

	if (c->proxy_due && !worker_proxy_read(c))
		return;
	len = worker_input_left(&c->input);
	used = len == 0 ? 0 : hx_parse_head(&c->x, worker_input_at(&c->input), len,
	    &c->input.scanned, &c->w->limits, &why);

	if (used > 0) {
		request_begin(c, (size_t)used);
	} else if (used < 0) {
		worker_reply_refuse(c, why);
	} else if (c->eof) {
		worker_conn_close_soon(c);
	} else if (len == 0) {
		worker_timeouts_rest(c);
	} else if (!c->in_head) {
		/* From its first byte, however slowly the others come. */
		c->in_head = true;
		io_timers_touch(&c->w->timeouts.head, &c->timer);
	}
}

void
worker_conductor_advance(struct worker_conn *c)
{
	if (c->state == CONN_DISCARD && !c->content_open)
		c->state = CONN_IDLE;
	if (c->state == CONN_IDLE && !worker_handover_leaves(c))
		head_read(c);
	if (c->state == CONN_MESSAGES)
		worker_websocket_due(c);
	worker_conn_update_reading(c);
}

/* What has happened since the application last heard of its request. */
static void
events_tell(struct worker_conn *c)
{
	bool content = c->content_due, writable = c->writable_due, room = c->room_due;
	bool cancel = c->cancel_due;

	c->content_due = c->writable_due = c->room_due = c->cancel_due = false;
	if (c->messages_due)
		worker_websocket_read(c);
	worker_websocket_tell(c);
	if (cancel && pyb_request_active(&c->x))
		pyb_request_cancel(&c->x);
	if (room)
		pyb_request_room(&c->x);
	if (content && pyb_request_active(&c->x))
		pyb_request_content(&c->x);
	if (writable && pyb_request_active(&c->x))
		pyb_request_writable(&c->x);
}

void
worker_conductor_job(struct io_job *job)
{
	struct worker_conn *c = container_of(job, struct worker_conn, job);

	/* Its request runs the loop, from within pyb_request_start(): what that waits for
	 * may be news of this connection. The rest is the job's, which goes on below. */
	if (c->in_job) {
		events_tell(c);
		return;
	}
	if (worker_conn_bury(c))
		return;
	io_output_reap(&c->out);
	c->in_job = true;
	events_tell(c);
	/* No more requests are started for a client that does not read the answers.
	 * worker_flush_now() queues this job again when the backlog is low. */
	for (int i = 0; c->start_due && c->out.backlog < WORKER_HIGH_WATER; i++) {
		if (i == PIPELINE_PER_TURN) {
			worker_conn_push(c);
			break;
		}
		c->start_due = false;
		pyb_request_start(c->w->app, &c->x);
		/* The start failed before the bindings took the exchange: they will not
		 * release it. */
		if (c->x.state == HX_DONE && !pyb_request_active(&c->x))
			c->x.calls->released(&c->x);
	}
	c->in_job = false;
	worker_conn_bury(c);
}
