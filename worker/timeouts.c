/*
 * timeouts: what happens to a connection when its time has run out.
 *
 * Called by worker.c and rules.c, which make the lists; by conn.c, conductor.c and flush.c when a
 * connection begins to rest or to linger. The functions here are called by libevent
 * through io/timers.c, without the interpreter. An application that has to hear of it is
 * told by the connection's job.
 */
#include "worker/timeouts.h"

#include "base/clock.h"
#include "worker/conn.h"
#include "worker/handover.h"
#include "worker/reply.h"
#include "worker/websocket/websocket.h"

enum {
	PARTING_MS = 2000,
	/* As nginx does by default: lingering_timeout and lingering_time. */
	LINGER_MS = 5000, LINGER_ALL_MS = 30000,
	CLOSING_MS = 10000,		/* uvicorn's close_timeout */
};

static struct worker_conn *
conn_of(struct io_timer *timer)
{
	return container_of(timer, struct worker_conn, timer);
}

static void
head_expired(struct io_timer *timer)
{
	struct worker_conn *c = conn_of(timer);

	worker_count(c->w, SHM_COUNT_timeouts, 1);
	worker_reply_refuse(c, HX_REFUSE_head_timeout);
}

/* Answers are still being sent: then `write` decides. */
static void
idle_expired(struct io_timer *timer)
{
	struct worker_conn *c = conn_of(timer);

	if (c->out.backlog > 0)
		io_timers_touch(&c->w->timeouts.idle, &c->timer);
	else
		worker_conn_kill(c);
}

static void
parting_expired(struct io_timer *timer)
{
	struct worker_conn *c = conn_of(timer);

	if (!worker_handover_leaves(c))
		worker_conn_close_soon(c);
}

/* The client gets an answer unless it has one, or part of one. An application that waits for
 * the content sees a client that went away. */
void
worker_timeouts_content_expired(struct io_timer *timer)
{
	struct worker_conn *c = conn_of(timer);

	worker_count(c->w, SHM_COUNT_timeouts, 1);
	if (c->state == CONN_RUNNING && c->x.state == HX_RUNNING)
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

void
worker_timeouts_rest(struct worker_conn *c)
{
	struct worker_timeouts *t = &c->w->timeouts;

	io_timers_touch(c->w->draining ? &t->parting : &t->idle, &c->timer);
}

void
worker_timeouts_linger(struct worker_conn *c)
{
	if (c->linger_until_ms == 0)
		c->w->lingering++;
	c->linger_until_ms = clock_coarse_ms() + LINGER_ALL_MS;
	io_timers_touch(&c->w->timeouts.linger, &c->timer);
}

void
worker_timeouts_linger_on(struct worker_conn *c)
{
	if (clock_coarse_ms() < c->linger_until_ms)
		io_timers_touch(&c->w->timeouts.linger, &c->timer);
}

void
worker_timeouts_init(struct worker_timeouts *t, struct io_turn *turn,
    const struct worker_options *options)
{
	const struct conf *c = &options->conf;

	io_timers_init(&t->head, turn, c->timeout_header_ms, head_expired);
	io_timers_init(&t->idle, turn, c->timeout_keep_alive_ms, idle_expired);
	io_timers_init(&t->content, turn, c->timeout_content_ms,
	    worker_timeouts_content_expired);
	io_timers_init(&t->write, turn, c->timeout_write_ms, write_expired);
	io_timers_init(&t->linger, turn, LINGER_MS, idle_expired);
	io_timers_init(&t->parting, turn, PARTING_MS, parting_expired);
	io_timers_init(&t->ping, turn, c->ws_ping_interval_ms, worker_websocket_ping_due);
	io_timers_init(&t->pong, turn, c->ws_ping_timeout_ms, worker_websocket_pong_late);
	io_timers_init(&t->closing, turn, CLOSING_MS, worker_websocket_close_late);
	io_timers_init(&t->rest, turn, c->ws_deflate_rest_ms, worker_websocket_rest_due);
}

void
worker_timeouts_drain(struct worker_timeouts *t, struct io_turn *turn, uint64_t grace_ms)
{
	io_timers_fini(&t->parting);
	io_timers_init(&t->parting, turn, grace_ms / 8 < PARTING_MS ? grace_ms / 8 : PARTING_MS,
	    parting_expired);
}

void
worker_timeouts_fini(struct worker_timeouts *t)
{
	io_timers_fini(&t->head);
	io_timers_fini(&t->idle);
	io_timers_fini(&t->content);
	io_timers_fini(&t->write);
	io_timers_fini(&t->linger);
	io_timers_fini(&t->parting);
	io_timers_fini(&t->ping);
	io_timers_fini(&t->pong);
	io_timers_fini(&t->closing);
	io_timers_fini(&t->rest);
}
