/*
 * around: pieces one after the other, some by way of another thread.
 *
 * Called by exchange.c and next.c. At most one piece is in the chain. A long file that a layer
 * compresses goes through it in parts, so that no more of it is in memory than the connection can
 * take. What happens while another thread has a part is noted, and done when that is through.
 */
#include "middleware/around.h"

#include <stdlib.h>

#include "base/must.h"
#include "middleware/next.h"

/* As much of a file at once as Starlette would read. */
enum { FILE_PART = 64 * 1024 };

/* A piece that waits. */
struct waiting {
	struct list_node node;
	struct hx_piece piece;
	bool last;
};

void
mw_around_init(struct mw_around *r, struct hx_exchange *x, const struct mw_front *front,
    const struct mw_pass *pass, struct mw_around *outer)
{
	*r = (struct mw_around){ .x = x, .outer = outer, .front = *front, .pass = *pass };
	r->calls = outer != NULL ? outer->calls : x->calls;
	list_init(&r->queue);
	if (front->means != NULL)
		front->means->hold(front->owner);
}

/* The release of a part of a file: what is left of the file keeps it. */
static void
part_release(void *arg)
{
	(void)arg;
}

/* Bytes that are the caller's become the piece's own. 0, or -1 when out of memory. */
static int
piece_keep(struct hx_piece *piece)
{
	char *copy;

	if (piece->release != NULL || piece->bytes.len == 0)
		return 0;
	copy = malloc(piece->bytes.len);
	if (copy == NULL)
		return -1;
	memcpy(copy, piece->bytes.ptr, piece->bytes.len);
	*piece = (struct hx_piece){
		.bytes = { copy, piece->bytes.len }, .release = free, .arg = copy
	};
	return 0;
}

/* Drop what has come and not gone on. */
static void
pieces_drop(struct mw_around *r)
{
	struct list_node *node;

	if (r->has_part)
		hx_exchange_piece_drop(r->part);
	if (r->has_rest)
		hx_exchange_piece_drop(r->rest);
	r->has_part = r->has_rest = false;
	while ((node = list_take(&r->queue)) != NULL) {
		struct waiting *w = container_of(node, struct waiting, node);

		hx_exchange_piece_drop(w->piece);
		free(w);
	}
}

/* Out of memory, or a file cannot be read. */
static int
fail(struct mw_around *r)
{
	pieces_drop(r);
	r->cut = true;
	mw_next_abort(r);
	return -1;
}

/* Take the first part of what is left: all of it, but for a file that a layer compresses. */
static void
part_take(struct mw_around *r)
{
	must(r->has_rest && !r->has_part);
	r->has_part = true;
	r->part = r->rest;
	r->part_last = r->rest_last;
	r->has_rest = r->rest.file != NULL && r->rest.bytes.len > FILE_PART &&
	    mw_chain_is_heavy(&r->pass, &r->rest, r->rest_last);
	if (!r->has_rest)
		return;
	r->part.bytes.len = FILE_PART;
	r->part.release = part_release;
	r->part_last = false;
	r->rest.bytes.len -= FILE_PART;
	r->rest.at += FILE_PART;
}

/* Has no layer wanted the bytes of the part of a file? Then all that is left goes at once,
 * for only the rest keeps the file open. */
static void
part_whole(struct mw_around *r)
{
	if (!r->has_rest || r->part.release != part_release)
		return;
	r->rest.at = r->part.at;
	r->rest.bytes.len += r->part.bytes.len;
	r->part = r->rest;
	r->part_last = r->rest_last;
	r->has_rest = false;
}

/* A piece that is longer than the head says that was held goes no further, but another may; one
 * that is shorter does not end the answer. */
static int
hand_on(struct mw_around *r, struct hx_piece piece, bool last)
{
	const struct mw_answer *a = &r->answer;
	bool whole = !r->begun && last && !r->held;
	int rc;

	if (whole) {
		r->begun = true;
		return mw_next_answer(r, a->status, a->fields, a->n, piece);
	}
	rc = r->begun ? 0 : mw_next_head(r, a->status, a->fields, a->n);
	if (rc == 0 && !r->begun && r->held)
		r->refused = hx_exchange_length(r->x, piece.bytes.len, last);
	r->begun = true;
	if (rc == 0 && r->refused != HX_LENGTH_LONGER)
		return mw_next_body(r, piece, last && r->refused == HX_LENGTH_FITS);
	hx_exchange_piece_drop(piece);
	return rc;
}

static void
part_work(void *arg)
{
	struct mw_around *r = arg;

	mw_chain_work(&r->pass, &r->part, r->part_last);
}

static void part_worked(void *arg);

/* Take the part on through the chain, where it has come as far as `passed` says, and out of
 * it. 0: it has gone on, or r->working; -1: there is no answer any more. */
static int
part_pass(struct mw_around *r, enum mw_piece passed)
{
	while (passed == MW_PIECE_HEAVY) {
		if ((!r->begun && mw_answer_keep(&r->answer) < 0) || piece_keep(&r->part) < 0)
			return fail(r);
		r->working = r->front.means != NULL &&
		    r->front.means->elsewhere(r->x, part_work, part_worked, r) == 0;
		if (r->working)
			return 0;
		part_work(r);	/* the loop has to wait for it */
		passed = mw_chain_piece_on(&r->pass, &r->answer, &r->part, r->part_last);
	}
	if (passed == MW_PIECE_FAILED)
		return fail(r);
	part_whole(r);
	r->has_part = false;
	if (hand_on(r, r->part, r->part_last) == 0)
		return 0;
	pieces_drop(r);		/* the peer is gone */
	r->cut = true;
	return -1;
}

/* Nothing is on its way any more. The exchange may be gone afterwards. */
static void
passed_all(struct mw_around *r)
{
	bool asked = r->asked;

	r->passing = r->asked = false;
	if (r->aborts && !r->cut)
		mw_next_abort(r);
	if (r->ends)
		r->x->calls->released(r->x);
	else if (asked && r->front.means != NULL)
		r->front.means->writable(r->x);
}

/* Take on what is left, as far as those behind have room. The exchange may be gone afterwards,
 * if anything had to wait. */
static void
go_on(struct mw_around *r)
{
	struct hx_exchange *x = r->x;

	while (!r->working && (r->has_rest || !list_is_empty(&r->queue))) {
		if (r->begun && !x->content.aborted && mw_next_full(r))
			return;		/* mw_around_writable() follows */
		if (!r->has_rest) {
			struct waiting *w = container_of(list_take(&r->queue), struct waiting,
			    node);

			r->rest = w->piece;
			r->rest_last = w->last;
			r->has_rest = true;
			free(w);
		}
		part_take(r);
		(void)part_pass(r, mw_chain_piece_begin(&r->pass, &r->answer, &r->part,
		    r->part_last));
	}
	if (!r->working)
		passed_all(r);
}

/* The other thread is through, or has not begun and will not: the loop is being closed. */
static void
part_worked(void *arg)
{
	struct mw_around *r = arg;

	r->working = false;
	if (r->is_left) {
		pieces_drop(r);
		mw_chain_end(&r->pass);
	} else if (!r->pass.worked) {
		(void)fail(r);
	} else {
		(void)part_pass(r, mw_chain_piece_on(&r->pass, &r->answer, &r->part,
		    r->part_last));
	}
	go_on(r);
}

void
mw_around_writable(struct mw_around *r)
{
	if (r->passing && !r->working)
		go_on(r);
}

/* Let the piece wait for those before it. 0, or -1 when out of memory. */
static int
piece_queue(struct mw_around *r, struct hx_piece piece, bool last)
{
	struct waiting *w = piece_keep(&piece) == 0 ? calloc(1, sizeof(*w)) : NULL;

	if (w == NULL) {
		hx_exchange_piece_drop(piece);
		r->aborts = true;
		return -1;
	}
	w->piece = piece;
	w->last = last;
	list_append(&r->queue, &w->node);
	return 0;
}

int
mw_around_body(struct mw_around *r, struct hx_piece piece, bool last)
{
	int rc;

	if (r->is_left)
		return mw_next_body(r, piece, last);
	if (r->cut || r->aborts) {
		hx_exchange_piece_drop(piece);
		return -1;
	}
	if (r->passing)
		return piece_queue(r, piece, last);
	r->rest = piece;
	r->rest_last = last;
	r->has_rest = r->passing = true;
	part_take(r);
	rc = part_pass(r, mw_chain_piece_begin(&r->pass, &r->answer, &r->part, r->part_last));
	go_on(r);
	return rc;
}

/* The head as it leaves the chain, or is held there. 0; -1 when out of memory. */
static int
head_edit(struct mw_around *r, int status, const struct hx_header *fields, size_t n)
{
	if (mw_answer_init(&r->answer, &r->x->arena, status, fields, n) < 0)
		return -1;
	return mw_chain_head(&r->pass, &r->answer);
}

int
mw_around_answer(struct mw_around *r, int status, const struct hx_header *fields, size_t n,
    struct hx_piece content)
{
	if (r->is_left)
		return mw_next_answer(r, status, fields, n, content);
	if (head_edit(r, status, fields, n) == 0)
		return mw_around_body(r, content, true);
	hx_exchange_piece_drop(content);
	return fail(r);
}

int
mw_around_head(struct mw_around *r, int status, const struct hx_header *fields, size_t n)
{
	struct mw_answer *a = &r->answer;

	if (r->is_left)
		return mw_next_head(r, status, fields, n);
	if (head_edit(r, status, fields, n) < 0 ||
	    (r->pass.holder > 0 && mw_answer_keep(a) < 0))
		return fail(r);
	r->held = r->pass.holder > 0;
	if (r->held)
		return 0;
	r->begun = true;
	return mw_next_head(r, a->status, a->fields, a->n);
}

bool
mw_around_full(struct mw_around *r)
{
	if (!r->passing || r->is_left)
		return mw_next_full(r);
	r->asked = true;
	return true;
}

bool
mw_around_unsent(struct mw_around *r)
{
	if (!r->passing || r->is_left)
		return mw_next_unsent(r);
	r->asked = true;
	return true;
}

void
mw_around_abort(struct mw_around *r)
{
	if (r->passing && !r->is_left) {
		r->aborts = true;
		return;
	}
	r->cut = true;
	mw_next_abort(r);
}

/* The chain is not needed any more. */
static void
finish(struct mw_around *r)
{
	pieces_drop(r);
	r->passing = false;
	mw_chain_end(&r->pass);
	if (r->front.means != NULL)
		r->front.means->let_go(r->front.owner);
}

bool
mw_around_leave(struct mw_around *r)
{
	if (r->working)
		r->is_left = true;
	else
		finish(r);
	return !r->working;
}

bool
mw_around_end(struct mw_around *r)
{
	if (r->passing)
		r->ends = true;
	else
		finish(r);
	return !r->passing;
}
