/*
 * next: another that stands outside, or the exchange's own calls.
 *
 * Called by around.c.
 */
#include "middleware/next.h"

int
mw_next_answer(struct mw_around *r, int status, const struct hx_header *fields, size_t n,
    struct hx_piece content)
{
	return r->outer != NULL ? mw_around_answer(r->outer, status, fields, n, content) :
	    r->calls->answer(r->x, status, fields, n, content);
}

int
mw_next_head(struct mw_around *r, int status, const struct hx_header *fields, size_t n)
{
	return r->outer != NULL ? mw_around_head(r->outer, status, fields, n) :
	    r->calls->head(r->x, status, fields, n);
}

int
mw_next_body(struct mw_around *r, struct hx_piece piece, bool last)
{
	return r->outer != NULL ? mw_around_body(r->outer, piece, last) :
	    r->calls->body(r->x, piece, last);
}

bool
mw_next_full(struct mw_around *r)
{
	return r->outer != NULL ? mw_around_full(r->outer) : r->calls->full(r->x);
}

bool
mw_next_unsent(struct mw_around *r)
{
	return r->outer != NULL ? mw_around_unsent(r->outer) : r->calls->unsent(r->x);
}

void
mw_next_abort(struct mw_around *r)
{
	r->outer != NULL ? mw_around_abort(r->outer) : r->calls->abort(r->x);
}
