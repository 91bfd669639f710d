/*
 * give: pieces of a file for whoever carries an exchange.
 *
 * Called by bindings/plan/mounted.c, bindings/plan/file.c and bindings/asgi/send.c. The bytes of
 * the file pass nobody here: pieces name them. Nothing is sent before the layers around the
 * exchange have agreed.
 */
#include "files/give.h"

#include "files/open.h"
#include "middleware/exchange.h"

struct files_asked
files_give_asked(struct hx_exchange *x)
{
	return (struct files_asked){
		.method = x->req.method_name,
		.path = x->req.path,
		.fields = x->req.headers,
		.n_fields = x->req.n_headers,
		.arena = &x->arena,
	};
}

/* A part of the file, with a reference of its own. */
static struct hx_piece
piece_of(struct hx_file *file, uint64_t from, uint64_t to)
{
	files_open_hold(file);
	return (struct hx_piece){
		.bytes = { NULL, (size_t)(to - from) },
		.release = files_open_release,
		.arg = file,
		.file = file,
		.at = from,
	};
}

/* The content, where it is one piece. */
static struct hx_piece
single(const struct files_reply *r)
{
	uint64_t from = 0, to = r->len;

	if (r->kind == FILES_TEXT)
		return (struct hx_piece){ .bytes = r->text };
	if (r->len == 0)
		return (struct hx_piece){ .bytes = SLICE_LIT("") };
	if (r->kind == FILES_PARTS) {
		from = (uint64_t)r->parts[0].from;
		to = (uint64_t)r->parts[0].to;
	}
	return piece_of(r->file, from, to);
}

/* Send several parts. The calls say -1 when the peer is gone, who needs no answer. */
static void
parts_send(struct hx_exchange *x, const struct files_reply *r, bool last)
{
	for (size_t i = 0; i < r->n_parts; i++) {
		const struct files_range *part = &r->parts[i];

		if (x->calls->body(x, (struct hx_piece){ .bytes = r->heads[i] }, false) < 0 ||
		    x->calls->body(x, piece_of(r->file, (uint64_t)part->from,
		    (uint64_t)part->to), false) < 0 ||
		    x->calls->body(x, (struct hx_piece){ .bytes = FILES_PART_END }, false) < 0)
			return;
	}
	(void)x->calls->body(x, (struct hx_piece){ .bytes = r->tail }, last);
}

static bool
is_several(const struct files_reply *r)
{
	return r->kind == FILES_PARTS && r->heads != NULL;
}

void
files_give(struct hx_exchange *x, struct files_reply *r)
{
	if (!is_several(r))
		(void)x->calls->answer(x, r->head.status, r->head.fields, r->head.n, single(r));
	else if (x->calls->head(x, r->head.status, r->head.fields, r->head.n) == 0)
		parts_send(x, r, true);
	files_reply_drop(r);
}

void
files_give_content(struct hx_exchange *x, const struct files_reply *r)
{
	if (is_several(r))
		parts_send(x, r, false);
	else
		(void)x->calls->body(x, single(r), false);
}
