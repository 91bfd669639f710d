/*
 * exchange: a filter of hx_calls.
 *
 * Called by bindings/request.c, bindings/plan/finish.c, bindings/plan/result.c,
 * bindings/plan/run.c, bindings/plan/stream.c and files/. The exchange's own calls stand behind the filter's and get
 * the edited answer. An exchange may begin its next request before released() returns, so
 * that the filter goes before it hands that call on.
 */
#include "middleware/exchange.h"

#include "base/must.h"

struct around {
	const struct hx_calls *calls;	/* the exchange's own */
	struct mw_pass pass;
	struct mw_answer answer;	/* its head, while a layer holds it */
	bool begun;			/* the head has been handed on */
};

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

bool
mw_exchange_stops(const struct mw_chain *chain, const struct hx_exchange *x)
{
	struct mw_request r = request_of(x, true);

	return mw_chain_look(chain, &r) != MW_PASS;
}

void *
mw_exchange_session(const struct hx_exchange *x)
{
	const struct around *around = x->upper.layers;

	return around != NULL ? around->pass.session : NULL;
}

void
mw_exchange_leave(struct hx_exchange *x)
{
	struct around *around = x->upper.layers;

	if (around == NULL)
		return;
	mw_chain_end(&around->pass);
	x->calls = around->calls;
	x->upper.layers = NULL;
}

/* Out of memory. */
static int
fail(struct hx_exchange *x, struct hx_piece piece)
{
	hx_exchange_piece_drop(piece);
	((struct around *)x->upper.layers)->calls->abort(x);
	return -1;
}

static int
around_answer(struct hx_exchange *x, int status, const struct hx_header *fields, size_t n,
    struct hx_piece content)
{
	struct around *around = x->upper.layers;
	struct mw_answer a;

	if (mw_answer_init(&a, &x->arena, status, fields, n) < 0 ||
	    mw_chain_head(&around->pass, &a) < 0 ||
	    mw_chain_piece(&around->pass, &a, &content, true) < 0)
		return fail(x, content);
	around->begun = true;
	return around->calls->answer(x, a.status, a.fields, a.n, content);
}

static int
around_head(struct hx_exchange *x, int status, const struct hx_header *fields, size_t n)
{
	struct around *around = x->upper.layers;
	struct mw_answer *a = &around->answer;

	if (mw_answer_init(a, &x->arena, status, fields, n) < 0 ||
	    mw_chain_head(&around->pass, a) < 0 ||
	    (around->pass.holder > 0 && mw_answer_keep(a) < 0))
		return fail(x, (struct hx_piece){ .release = NULL });
	if (around->pass.holder > 0)
		return 0;
	around->begun = true;
	return around->calls->head(x, a->status, a->fields, a->n);
}

static int
around_body(struct hx_exchange *x, struct hx_piece piece, bool last)
{
	struct around *around = x->upper.layers;
	struct mw_answer *a = &around->answer;
	bool begun = around->begun;

	if (mw_chain_piece(&around->pass, a, &piece, last) < 0)
		return fail(x, piece);
	around->begun = true;
	if (!begun && last)
		return around->calls->answer(x, a->status, a->fields, a->n, piece);
	if (!begun && around->calls->head(x, a->status, a->fields, a->n) < 0) {
		hx_exchange_piece_drop(piece);
		return -1;
	}
	return around->calls->body(x, piece, last);
}

static bool
around_full(struct hx_exchange *x)
{
	return ((struct around *)x->upper.layers)->calls->full(x);
}

static void
around_want_read(struct hx_exchange *x)
{
	((struct around *)x->upper.layers)->calls->want_read(x);
}

static void
around_abort(struct hx_exchange *x)
{
	((struct around *)x->upper.layers)->calls->abort(x);
}

static void
around_released(struct hx_exchange *x)
{
	mw_exchange_leave(x);
	x->calls->released(x);
}

static const struct hx_calls around_calls = {
	.answer = around_answer,
	.head = around_head,
	.body = around_body,
	.full = around_full,
	.want_read = around_want_read,
	.abort = around_abort,
	.released = around_released,
};

/* A layer answers. */
static enum mw_verdict
answer_give(struct mw_pass *pass, const struct mw_request *r, struct hx_exchange *x)
{
	struct hx_piece content = { .release = NULL };
	enum mw_verdict verdict = MW_UNSURE;
	struct mw_answer a;

	if (mw_answer_init(&a, &x->arena, 0, NULL, 0) == 0 &&
	    mw_chain_answer(pass, r, &a, &content.bytes) == 0 &&
	    mw_chain_takes(pass, &a, content.bytes.len) &&
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

bool
mw_exchange_takes(const struct hx_exchange *x, int status, const struct hx_header *fields,
    size_t n, size_t len)
{
	struct around *around = x->upper.layers;
	struct mw_answer a = { NULL, status, (struct hx_header *)(uintptr_t)fields, n, n };

	return around == NULL || mw_chain_takes(&around->pass, &a, len);
}

enum mw_verdict
mw_exchange_begin(const struct mw_chain *chain, struct hx_exchange *x, bool server_known)
{
	struct mw_request r = request_of(x, server_known);
	struct around *around = arena_alloc(&x->arena, sizeof(*around));
	enum mw_verdict verdict;

	must(x->upper.layers == NULL);
	if (around == NULL)
		return MW_UNSURE;
	around->begun = false;
	verdict = mw_chain_forward(&around->pass, chain, &r, &x->arena);
	if (verdict == MW_ANSWER)
		return answer_give(&around->pass, &r, x);
	if (verdict == MW_PASS && chain->edits) {
		around->calls = x->calls;
		x->calls = &around_calls;
		x->upper.layers = around;
	} else {
		mw_chain_end(&around->pass);
	}
	return verdict;
}
