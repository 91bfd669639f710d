/*
 * conn: the life of a connection.
 *
 * Made by accept.c or the test client, advanced by conductor.c, fed by
 * conn_io.c. It decides when memory is given back: an idle connection keeps no
 * buffer, a dead one stays until the application has let go of its exchange.
 */
#include "worker/conn.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"
#include "bindings/request.h"
#include "worker/conductor.h"
#include "worker/conn_io.h"

enum { FIRST_INPUT = 4096, KEEP_INPUT = 16 * 1024, AHEAD_HIGH = 64 * 1024 };

static struct worker_conn *
conn_new(struct worker *w)
{
	struct worker_conn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	if (hx_exchange_init(&c->x, &worker_reply_calls, c) < 0) {
		free(c);
		return NULL;
	}
	c->w = w;
	c->fd = -1;
	c->x.host = w->host;
	c->x.scheme = (struct slice){ w->options.scheme, strlen(w->options.scheme) };
	c->x.root_path = (struct slice){ w->options.root_path, strlen(w->options.root_path) };
	c->job.run = worker_conductor_job;
	io_output_init(&c->out);
	c->next = w->conns;
	if (c->next != NULL)
		c->next->at = &c->next;
	c->at = &w->conns;
	w->conns = c;
	w->counters.open++;
	return c;
}

struct worker_conn *
worker_conn_new(struct worker *w, int fd)
{
	struct worker_conn *c = conn_new(w);

	if (c == NULL)
		return NULL;
	c->fd = fd;
	conn_io_open(c);
	io_timers_touch(&w->header_timers, &c->timer);
	return c;
}

struct worker_conn *
worker_conn_new_memory(struct worker *w, const struct conn_memory *memory)
{
	struct worker_conn *c = conn_new(w);

	if (c == NULL)
		return NULL;
	c->memory = *memory;
	conn_io_open(c);
	return c;
}

/* Append to a growing buffer. */
static int
append(char **buffer, size_t *len, size_t *cap, const char *bytes, size_t n, size_t first)
{
	size_t want = *cap == 0 ? first : *cap;
	char *grown;

	while (want - *len < n)
		want *= 2;
	if (want != *cap) {
		grown = realloc(*buffer, want);
		if (grown == NULL)
			return -1;
		*buffer = grown;
		*cap = want;
	}
	memcpy(*buffer + *len, bytes, n);
	*len += n;
	return 0;
}

int
worker_conn_feed(struct worker_conn *c, const char *bytes, size_t len)
{
	int rc;

	if (c->state == CONN_LINGER || c->state == CONN_DEAD)
		return 0;
	/* While an exchange lives its head must not move. */
	if (c->state == CONN_RUNNING)
		rc = append(&c->ahead, &c->ahead_len, &c->ahead_cap, bytes, len, FIRST_INPUT);
	else
		rc = append(&c->in, &c->in_len, &c->in_cap, bytes, len, FIRST_INPUT);
	if (rc < 0) {
		worker_conn_kill(c);
		return -1;
	}
	worker_conductor_advance(c);
	return 0;
}

int
worker_conn_compact(struct worker_conn *c)
{
	must(c->in_pos <= c->in_len);
	c->in_len -= c->in_pos;
	if (c->in_len > 0 && c->in_pos > 0)
		memmove(c->in, c->in + c->in_pos, c->in_len);
	c->in_pos = c->scanned = 0;
	if (c->ahead_len > 0) {
		if (append(&c->in, &c->in_len, &c->in_cap, c->ahead, c->ahead_len,
		    FIRST_INPUT) < 0)
			return -1;
		c->ahead_len = 0;
	}
	if (c->in_len == 0 && c->in_cap > KEEP_INPUT) {
		free(c->in);
		c->in = NULL;
		c->in_cap = 0;
	}
	if (c->ahead_cap > KEEP_INPUT) {
		free(c->ahead);
		c->ahead = NULL;
		c->ahead_cap = 0;
	}
	return 0;
}

void
worker_conn_eof(struct worker_conn *c, bool gone)
{
	c->eof = true;
	if (c->state == CONN_LINGER) {
		worker_conn_kill(c);
		return;
	}
	if (c->state != CONN_RUNNING) {
		worker_conn_close_soon(c);
		return;
	}
	c->x.content.peer_closed = true;
	c->close_after = true;
	if (gone || c->content_open)
		c->x.content.aborted = true;
	if (c->waits_content && c->x.content.aborted) {
		/* The application never learns of a request that did not arrive. */
		worker_conn_kill(c);
		return;
	}
	c->content_due = true;
	worker_conn_push(c);
	worker_conn_update_reading(c);
}

void
worker_conn_push(struct worker_conn *c)
{
	io_turn_push(c->w->turn, &c->job);
}

void
worker_conn_kill(struct worker_conn *c)
{
	if (c->state == CONN_DEAD)
		return;
	c->state = CONN_DEAD;
	c->start_due = false;
	c->x.content.aborted = true;
	io_timers_remove(&c->timer);
	io_turn_undirty(c->w->turn, &c->flush);
	conn_io_close(c);
	io_output_drop(&c->out);
	/* The application hears of it, and what is left needs the interpreter. */
	c->content_due = true;
	worker_conn_push(c);
}

void
worker_conn_close_soon(struct worker_conn *c)
{
	c->close_after = true;
	if (c->out.backlog == 0)
		worker_conn_kill(c);
	else
		io_turn_dirty(c->w->turn, &c->flush);
}

bool
worker_conn_bury(struct worker_conn *c)
{
	struct worker *w = c->w;

	if (c->state != CONN_DEAD || c->in_job || pyb_request_active(&c->x))
		return false;
	io_output_reap(&c->out);
	io_turn_remove(w->turn, &c->job);
	io_turn_undirty(w->turn, &c->flush);
	hx_exchange_fini(&c->x);
	io_output_fini(&c->out);
	free(c->in);
	free(c->ahead);
	*c->at = c->next;
	if (c->next != NULL)
		c->next->at = c->at;
	w->counters.open--;
	worker_forget(w, c);
	free(c);
	return true;
}

void
worker_conn_update_reading(struct worker_conn *c)
{
	bool want = !c->eof && c->state != CONN_DEAD;

	if (c->state == CONN_RUNNING) {
		/* Content the application has not asked for waits in the kernel;
		 * otherwise one read ahead is allowed, to notice a client that left. */
		if (c->content_open && !c->waits_content)
			want = want && (c->want_content || c->x.content.len < AHEAD_HIGH / 2);
		want = want && c->ahead_len < AHEAD_HIGH;
	}
	conn_io_read(c, want);
}
