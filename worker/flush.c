/*
 * flush: as a rule one system call per connection and turn.
 *
 * Called by the turn, by transport.c when a full socket has room again, by conn.c, worker.c and
 * worker/websocket/read.c, all perhaps without the interpreter: what needs it goes through the
 * connection's job.
 */
#include "worker/flush.h"

#include "base/log.h"
#include "base/must.h"
#include "worker/conductor.h"
#include "worker/handover.h"

/* Everything is sent. */
static void
sent_all(struct worker_conn *c)
{
	bool waited = io_timer_runs(&c->write_timer);

	io_timers_remove(&c->write_timer);
	io_output_trim(&c->out);
	worker_memory_given(&c->w->memory);
	/* Answers were long in sending: only now can the client have the last one. */
	if (waited && c->state == CONN_IDLE && !c->in_head)
		worker_timeouts_rest(c);
	if (c->state == CONN_IDLE && worker_handover_is_due(c)) {
		worker_conductor_advance(c);
		return;
	}
	if (!c->close_after || c->state == CONN_RUNNING || c->state == CONN_MESSAGES)
		return;
	if (c->state == CONN_LINGER && !c->eof && c->transport->linger(c->transport_arg))
		worker_timeouts_linger(c);
	else
		worker_conn_kill(c);
}

size_t
worker_flush_now(struct worker_conn *c, size_t most)
{
	size_t before = c->out.backlog, sent;
	enum io_output_result result;

	must(c->state != CONN_DEAD);
	result = io_output_write(&c->out, &c->transport->peer, c->transport_arg, most);
	sent = before - c->out.backlog;
	worker_count(c->w, SHM_COUNT_bytes_out, sent);
	if (before >= WORKER_HIGH_WATER)
		c->backlog_high = true;
	if ((c->backlog_high && c->out.backlog <= WORKER_LOW_WATER) ||
	    (c->backlog_any && c->out.backlog == 0)) {
		c->backlog_high = c->backlog_any = false;
		c->writable_due = true;
		worker_conn_push(c);
	}
	if (io_output_reapable(&c->out))
		worker_conn_push(c);
	switch (result) {
	case IO_OUTPUT_SENT:
		sent_all(c);
		break;
	case IO_OUTPUT_AGAIN:
		if (sent > 0 || !io_timer_runs(&c->write_timer))
			io_timers_touch(&c->w->timeouts.write, &c->write_timer);
		c->transport->want_write(c->transport_arg);
		break;
	case IO_OUTPUT_MORE:
		io_timers_touch(&c->w->timeouts.write, &c->write_timer);
		io_turn_await(c->w->turn, &c->flush);
		break;
	case IO_OUTPUT_CUT:
		log_warnx("a file has become shorter while it was sent");
		c->x.cut = true;
		worker_conn_kill(c);
		break;
	case IO_OUTPUT_GONE:
		worker_conn_kill(c);
		break;
	}
	return sent;
}

size_t
worker_flush_turn(struct io_flush *flush, size_t most)
{
	return worker_flush_now(container_of(flush, struct worker_conn, flush), most);
}

void
worker_flush_writable(struct worker_conn *c)
{
	if (c->out.backlog < WORKER_HIGH_WATER)
		worker_conn_dirty(c);
	else
		io_turn_await(c->w->turn, &c->flush);
}
