/*
 * timeouts: what happens to a connection when its time has run out.
 *
 * Called by worker.c, which makes the lists. The functions here are called by libevent
 * through io/timers.c, without the interpreter. An application that has to hear of it is
 * told by the connection's job.
 */
#include "worker/timeouts.h"

#include "worker/conn.h"
#include "worker/reply.h"

enum { LINGER_MS = 2000, REST_MS = 1000 };

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

/* No request for a while: give the buffers back and keep the connection. */
static void
rest_expired(struct io_timer *timer)
{
	struct worker_conn *c = conn_of(timer);

	worker_conn_trim(c);
	io_timers_touch(&c->w->timeouts.idle, &c->timer);
}

static void
idle_expired(struct io_timer *timer)
{
	worker_conn_kill(conn_of(timer));
}

/* Before the plan has begun the client gets an answer. An application that reads the
 * content itself sees a client that went away. */
static void
content_expired(struct io_timer *timer)
{
	struct worker_conn *c = conn_of(timer);

	worker_count(c->w, SHM_COUNT_timeouts, 1);
	if (c->content_waiter == WAITER_PLAN)
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
worker_timeouts_init(struct worker_timeouts *t, struct io_turn *turn,
    const struct worker_options *options)
{
	const struct conf *c = &options->conf;
	uint32_t idle_ms = c->timeout_keep_alive_ms;
	uint32_t rest_ms = idle_ms / 2 < REST_MS ? idle_ms / 2 : REST_MS;

	io_timers_init(&t->head, turn, c->timeout_header_ms, head_expired);
	io_timers_init(&t->rest, turn, rest_ms, rest_expired);
	io_timers_init(&t->idle, turn, idle_ms - rest_ms, idle_expired);
	io_timers_init(&t->content, turn, c->timeout_content_ms, content_expired);
	io_timers_init(&t->write, turn, c->timeout_write_ms, write_expired);
	io_timers_init(&t->linger, turn, LINGER_MS, idle_expired);
}

void
worker_timeouts_fini(struct worker_timeouts *t)
{
	io_timers_fini(&t->head);
	io_timers_fini(&t->rest);
	io_timers_fini(&t->idle);
	io_timers_fini(&t->content);
	io_timers_fini(&t->write);
	io_timers_fini(&t->linger);
}
