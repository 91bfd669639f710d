/*
 * input: two buffers, so that the bytes of a request in hand never move.
 *
 * Called by conn.c, conductor.c, content.c, handover.c, reply.c and worker/websocket/. It knows
 * nothing of what the bytes mean.
 */
#include "worker/input.h"

#include <stdint.h>
#include <string.h>

#include "base/pool.h"

static size_t
buffer_room(const struct worker_buffer *b)
{
	return b->cap - b->len;
}

/* 0, or -1 when out of memory. */
static int
buffer_append(struct pool *pool, struct worker_buffer *b, const char *bytes, size_t n)
{
	char *grown;

	if (n > SIZE_MAX / 4 - b->len)
		return -1;
	grown = pool_buffer_grow(pool, b->bytes, b->len, &b->cap, b->len + n);
	if (grown == NULL)
		return -1;
	b->bytes = grown;
	memcpy(b->bytes + b->len, bytes, n);
	b->len += n;
	return 0;
}

static void
buffer_free(struct pool *pool, struct worker_buffer *b)
{
	pool_buffer_free(pool, b->bytes, b->cap);
	*b = (struct worker_buffer){ 0 };
}

/* Forget the used bytes and move what is left to the front. */
static void
now_compact(struct worker_input *in)
{
	size_t left = worker_input_left(in);

	if (in->used == 0)
		return;
	memmove(in->now.bytes, worker_input_at(in), left);
	in->now.len = left;
	in->used = 0;
}

int
worker_input_keep(struct worker_input *in, const char *bytes, size_t len, bool in_hand)
{
	bool fits = buffer_room(&in->now) >= len;

	/* A request in hand points into `now`, which therefore must not be enlarged. What
	 * fits into its room may be added. */
	if (in_hand && (in->ahead.len > 0 || !fits))
		return buffer_append(in->pool, &in->ahead, bytes, len);
	if (!fits)
		now_compact(in);
	return buffer_append(in->pool, &in->now, bytes, len);
}

void
worker_input_adopt(struct worker_input *in, char *bytes, size_t len, size_t cap)
{
	must(in->now.cap == 0 && in->ahead.cap == 0 && len <= cap && cap > in->pool->size);
	in->now = (struct worker_buffer){ bytes, len, cap };
}

int
worker_input_next(struct worker_input *in)
{
	struct worker_buffer spare;

	in->scanned = 0;
	if (worker_input_left(in) > 0) {
		if (in->ahead.len > 0 &&
		    worker_input_keep(in, in->ahead.bytes, in->ahead.len, false) < 0)
			return -1;
		in->ahead.len = 0;
		return 0;
	}
	in->now.len = in->used = 0;
	if (in->ahead.len > 0) {
		spare = in->now;
		in->now = in->ahead;
		in->ahead = spare;
	}
	return 0;
}

void
worker_input_trim(struct worker_input *in)
{
	if (worker_input_left(in) == 0) {
		buffer_free(in->pool, &in->now);
		in->used = 0;
	}
	if (in->ahead.len == 0)
		buffer_free(in->pool, &in->ahead);
}

void
worker_input_fini(struct worker_input *in)
{
	buffer_free(in->pool, &in->now);
	buffer_free(in->pool, &in->ahead);
	in->used = in->scanned = 0;
}
