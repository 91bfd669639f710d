/*
 * input: the bytes that a connection has received and nobody has finished with.
 *
 * In the order of their arrival:
 *
 *	now:   [ used | left | room ]	used: head and content of the request in hand
 *	ahead: [ left | room ]		what did not fit behind them
 *
 * While a request is in hand the used bytes stay where they are, because its exchange
 * points to them. Both buffers are given back when the connection rests.
 */
#ifndef WORKER_INPUT_H
#define WORKER_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/must.h"

struct worker_buffer {
	char *bytes;
	size_t len, cap;
};

/* Zeroed at first. */
struct worker_input {
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

static inline bool
worker_input_is_empty(const struct worker_input *in)
{
	return worker_input_left(in) == 0 && in->ahead.len == 0;
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

/* No request is in hand any more: forget the used bytes; what came ahead is left in `now`.
 * 0, or -1 when out of memory. */
int worker_input_next(struct worker_input *in) MUST_CHECK;

/* Free each buffer that is empty and larger than most requests need. Called between two
 * requests; a connection that rests gives back both (worker_input_fini). */
void worker_input_shrink(struct worker_input *in);

/* Give back both buffers and forget what is in them. The input may be used again. */
void worker_input_fini(struct worker_input *in);

#endif
