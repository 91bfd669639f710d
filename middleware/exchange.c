/*
 * exchange: filters of hx_calls.
 *
 * Called by bindings/asgi/, bindings/front.c, bindings/request.c, bindings/plan/file.c,
 * bindings/plan/finish.c, bindings/plan/mounted.c, bindings/plan/result.c, bindings/plan/run.c and
 * bindings/plan/stream.c. The exchange's own calls stand behind the filters' and get the edited
 * answer. An exchange may begin its next request before released() returns, so that a filter goes
 * before it hands that call on.
 */
#include "middleware/exchange.h"

#include "base/must.h"

static struct mw_request
request_of(const struct hx_exchange *x, bool server_known)
{
	return (struct mw_request){
		.method = x->req.method_name,
		.scheme = x->origin.scheme,
		.root = x->root_in_path ? SLICE_NULL : x->root_path,
		.path = x->req.path,
		.query = x->req.query,
		.fields = x->req.headers,
		.n_fields = x->req.n_headers,
		.server_known = server_known,
		.server_host = x->server_host,
		.server_port = x->server_port,
	};
}

/* What stands in front of all others, if anything does. */
static struct mw_around *
innermost(const struct hx_exchange *x)
{
	return x->upper.layers != NULL ? x->upper.layers : x->upper.edge;
}

bool
mw_exchange_stops(const struct mw_chain *chain, const struct hx_exchange *x)
{
	struct mw_request r = request_of(x, true);

	return mw_chain_look(chain, &r) != MW_PASS;
}

void *
mw_exchange_session(const struct hx_exchange *x, enum mw_place place)
{
	const struct mw_around *around = place == MW_EDGE ? x->upper.edge : x->upper.layers;

	return around != NULL ? around->pass.session : NULL;
}

bool
mw_exchange_is_ready(const struct hx_exchange *x)
{
	for (struct mw_around *r = innermost(x); r != NULL; r = r->outer)
		if (!mw_chain_is_ready(&r->pass))
			return false;
	return true;
}

enum mw_start
mw_exchange_start(const struct hx_exchange *x)
{
	enum mw_start start = MW_START_GONE;

	for (struct mw_around *r = innermost(x); r != NULL; r = r->outer) {
		if (r->pass.holder > 0 && !r->begun)
			return MW_START_HELD;
		if (r->held)
			start = MW_START_KEPT;
	}
	return start;
}

bool
mw_exchange_looks(const struct hx_exchange *x)
{
	for (struct mw_around *r = innermost(x); r != NULL; r = r->outer)
		if (r->front.chain->looks)
			return true;
	return false;
}

bool
mw_exchange_reads(const struct hx_exchange *x)
{
	for (struct mw_around *r = innermost(x); r != NULL; r = r->outer)
		if (mw_chain_reads(&r->pass))
			return true;
	return false;
}

enum hx_length
mw_exchange_refused(struct hx_exchange *x)
{
	enum hx_length refused = HX_LENGTH_FITS;

	for (struct mw_around *r = innermost(x); r != NULL; r = r->outer) {
		if (r->refused != HX_LENGTH_FITS)
			refused = r->refused;
		r->refused = HX_LENGTH_FITS;
	}
	return refused;
}

bool
mw_exchange_is_busy(const struct hx_exchange *x)
{
	return (x->upper.layers != NULL && mw_around_is_busy(x->upper.layers)) ||
	    (x->upper.edge != NULL && mw_around_is_busy(x->upper.edge));
}

void
mw_exchange_writable(struct hx_exchange *x)
{
	/* When nothing is on its way there any more, the edge itself says so. */
	if (x->upper.edge != NULL && mw_around_is_busy(x->upper.edge))
		mw_around_writable(x->upper.edge);
	else if (x->upper.layers != NULL)
		mw_around_writable(x->upper.layers);
}

static int
around_answer(struct hx_exchange *x, int status, const struct hx_header *fields, size_t n,
    struct hx_piece content)
{
	return mw_around_answer(innermost(x), status, fields, n, content);
}

static int
around_head(struct hx_exchange *x, int status, const struct hx_header *fields, size_t n)
{
	return mw_around_head(innermost(x), status, fields, n);
}

static int
around_body(struct hx_exchange *x, struct hx_piece piece, bool last)
{
	return mw_around_body(innermost(x), piece, last);
}

static bool
around_full(struct hx_exchange *x)
{
	return mw_around_full(innermost(x));
}

static bool
around_unsent(struct hx_exchange *x)
{
	return mw_around_unsent(innermost(x));
}

static void
around_want_read(struct hx_exchange *x)
{
	innermost(x)->calls->want_read(x);
}

static void
around_abort(struct hx_exchange *x)
{
	mw_around_abort(innermost(x));
}

/* Take the innermost away. */
static void
away(struct hx_exchange *x)
{
	struct mw_around *around = innermost(x);

	if (x->upper.layers != NULL)
		x->upper.layers = NULL;
	else
		x->upper.edge = NULL;
	if (around->outer == NULL)
		x->calls = around->calls;
}

/* The application's side is done: when the answer is through, so is what stands in front. */
static void
around_released(struct hx_exchange *x)
{
	if (!mw_around_end(innermost(x)))
		return;
	away(x);
	x->calls->released(x);
}

static const struct hx_calls around_calls = {
	.answer = around_answer,
	.head = around_head,
	.body = around_body,
	.full = around_full,
	.unsent = around_unsent,
	.want_read = around_want_read,
	.abort = around_abort,
	.released = around_released,
};

void
mw_exchange_leave(struct hx_exchange *x)
{
	if (x->upper.layers != NULL && mw_around_leave(x->upper.layers))
		away(x);
}

/* A layer answers. */
static enum mw_verdict
answer_give(struct mw_pass *pass, const struct mw_request *r, struct hx_exchange *x)
{
	struct hx_piece content = { .release = NULL };
	enum mw_verdict verdict = MW_UNSURE;
	struct mw_answer a;

	if (mw_answer_init(&a, &x->arena, 0, NULL, 0) == 0 &&
	    mw_chain_answer(pass, r, &a, &content.bytes) == 0 &&
	    mw_chain_piece(pass, &a, &content, true) == 0) {
		/* -1: the peer is gone, and needs no answer. */
		(void)x->calls->answer(x, a.status, a.fields, a.n, content);
		verdict = MW_ANSWER;
	} else {
		hx_exchange_piece_drop(content);
	}
	mw_chain_end(pass);
	return verdict;
}

enum mw_verdict
mw_exchange_begin(enum mw_place place, const struct mw_front *front, struct hx_exchange *x,
    bool server_known)
{
	struct mw_request r = request_of(x, server_known);
	struct mw_around *around = arena_alloc(&x->arena, sizeof(*around));
	enum mw_verdict verdict;
	struct mw_pass pass;

	must(x->upper.layers == NULL && (place == MW_INSIDE || x->upper.edge == NULL));
	if (around == NULL)
		return MW_UNSURE;
	verdict = mw_chain_forward(&pass, front->chain, &r, &x->arena);
	if (verdict == MW_ANSWER)
		return answer_give(&pass, &r, x);
	if (verdict == MW_UNSURE || !front->chain->edits) {
		mw_chain_end(&pass);
		return verdict;
	}
	mw_around_init(around, x, front, &pass, x->upper.edge);
	if (place == MW_EDGE)
		x->upper.edge = around;
	else
		x->upper.layers = around;
	x->calls = &around_calls;
	return MW_PASS;
}
