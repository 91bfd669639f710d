/*
 * input: the bytes that a connection has received and nobody has finished with.
 *
 * In the order of their arrival:
 *
 *	now:   [ used | left | room ]	used: head and content of the request in hand
 *	ahead: [ left | room ]		what did not fit behind them
 *
 * While a request is in hand the used bytes stay where they are, because its exchange
 * points to them. Both buffers are given back when they are empty.
 */
#ifndef WORKER_INPUT_H
#define WORKER_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/must.h"

struct pool;

struct worker_buffer {
	char *bytes;
	size_t len, cap;
};

/* Zeroed at first, but for `pool`. */
struct worker_input {
	struct pool *pool;		/* borrowed, for both buffers */
	struct worker_buffer now, ahead;
	size_t used;			/* of `now` */
	size_t scanned;			/* of what is left in `now`: by hx_parse_head() */
};

/* The bytes that are left in `now`: where, and how many. Valid until bytes are kept. */
static inline char *
worker_input_at(const struct worker_input *in)
{
	return in->now.bytes + in->used;
}

static inline size_t
worker_input_left(const struct worker_input *in)
{
	return in->now.len - in->used;
}

/* The bytes that no request has used yet, in both buffers. */
static inline size_t
worker_input_unused(const struct worker_input *in)
{
	return worker_input_left(in) + in->ahead.len;
}

/* The first `n` of the bytes that are left belong to the request in hand. */
static inline void
worker_input_use(struct worker_input *in, size_t n)
{
	must(n <= worker_input_left(in));
	in->used += n;
	in->scanned = 0;
}

/* Add a copy of bytes that have arrived. `in_hand`: a request is, so the used bytes must
 * not move. 0, or -1 when out of memory. */
int worker_input_keep(struct worker_input *in, const char *bytes, size_t len, bool in_hand)
    MUST_CHECK;

/* The same for bytes that stand in a buffer of `cap` bytes from malloc(), which the input takes
 * over. It has no buffer yet. */
void worker_input_adopt(struct worker_input *in, char *bytes, size_t len, size_t cap);

/* No request is in hand any more: forget the used bytes; what came ahead is left in `now`.
 * 0, or -1 when out of memory. */
int worker_input_next(struct worker_input *in) MUST_CHECK;

/* Give back each buffer that is empty. No request is in hand. */
void worker_input_trim(struct worker_input *in);

/* Give back both buffers and forget what is in them. The input may be used again. */
void worker_input_fini(struct worker_input *in);

#endif
