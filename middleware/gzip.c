/*
 * gzip: the twin of Starlette's GZipMiddleware.
 *
 * Called by list.c. It decides which answers are compressed, and what their heads then say.
 * The head waits for the first piece, because that decides about its fields.
 */
#include "base/must.h"
#include "http/field.h"
#include "middleware/gzip_content.h"
#include "middleware/list.h"
#include "middleware/text.h"

static const struct mw_option options[] = {
	{ "minimum_size", MW_NUMBER, offsetof(struct mw_gzip_set, minimum_size) },
	{ "compresslevel", MW_NUMBER, offsetof(struct mw_gzip_set, level) },
	{ "thread_minimum_size", MW_NUMBER, offsetof(struct mw_gzip_set, thread_minimum_size) },
	{ "exclude_content_types", MW_TEXTS, offsetof(struct mw_gzip_set, excluded) },
	{ "identity", MW_FLAG, offsetof(struct mw_gzip_set, identity) },
	{ "late", MW_FLAG, offsetof(struct mw_gzip_set, late) },
	{ "flushes", MW_FLAG, offsetof(struct mw_gzip_set, flushes) },
	{ "prefix", MW_FLAG, offsetof(struct mw_gzip_set, prefix) },
	{ "grpc", MW_FLAG, offsetof(struct mw_gzip_set, grpc) },
	{ "partial", MW_FLAG, offsetof(struct mw_gzip_set, partial) },
	{ "vary_last", MW_FLAG, offsetof(struct mw_gzip_set, vary_last) },
	{ "first_vary", MW_FLAG, offsetof(struct mw_gzip_set, first_vary) },
};

static enum mw_verdict
gzip_request(const void *set, void *state, const struct mw_request *r)
{
	struct slice accepted = mw_request_field(r, SLICE_LIT("accept-encoding"));

	(void)set;
	((struct mw_gzip_state *)state)->accepted = accepted.len > 0 &&
	    memmem(accepted.ptr, accepted.len, "gzip", 4) != NULL;
	return MW_PASS;
}

/* The slice before the first `c`, all of it when there is none. */
static struct slice
before(struct slice s, char c)
{
	const char *at = s.len > 0 ? memchr(s.ptr, c, s.len) : NULL;

	return at != NULL ? (struct slice){ s.ptr, (size_t)(at - s.ptr) } : s;
}

static bool
starts_with_lower(struct slice s, struct slice start)
{
	return s.len >= start.len &&
	    mw_text_equal_lower((struct slice){ s.ptr, start.len }, start);
}

/* Does the value of Content-Type begin with an excluded type? */
static bool
type_begins(const struct mw_gzip_set *gzip, struct slice value)
{
	for (size_t i = 0; i < gzip->excluded.n; i++) {
		struct slice text = gzip->excluded.all[i];

		if (value.len >= text.len && slice_equal((struct slice){ value.ptr, text.len },
		    text))
			return true;
	}
	return false;
}

/* Does one of the excluded types, which may be "type/" and a star, name this one? */
static bool
type_excluded(const struct mw_gzip_set *gzip, struct slice type)
{
	const struct slice grpc = SLICE_LIT("application/grpc");
	bool is_grpc = gzip->grpc && starts_with_lower(type, SLICE_LIT("application/grpc+"));
	struct slice group = before(type, '/');

	if (gzip->prefix)
		return type_begins(gzip, type);
	for (size_t i = 0; i < gzip->excluded.n; i++) {
		struct slice text = gzip->excluded.all[i];

		if (mw_text_equal_lower(type, text) || (is_grpc && slice_equal(text, grpc)) ||
		    (text.len == group.len + 2 && memcmp(text.ptr + group.len, "/*", 2) == 0 &&
		    mw_text_equal_lower(group, (struct slice){ text.ptr, group.len })))
			return true;
	}
	return false;
}

/* Does an answer with this head pass as it is? */
static bool
passes(const struct mw_gzip_set *gzip, const struct mw_gzip_state *s, const struct mw_answer *a)
{
	struct slice type = mw_answer_get(a, SLICE_LIT("content-type"));

	return (gzip->partial && a->status == 206) || (!gzip->identity && !s->accepted) ||
	    mw_answer_get(a, SLICE_LIT("content-encoding")).ptr != NULL ||
	    type_excluded(gzip, gzip->prefix ? type : hx_field_strip(before(type, ';')));
}

static enum mw_flow
gzip_head(const void *set, void *state, struct mw_answer *a)
{
	struct mw_gzip_state *s = state;

	s->through = passes(set, s, a);
	return s->through && !((const struct mw_gzip_set *)set)->late ? MW_ON : MW_HOLD;
}

static bool
gzip_takes(const void *set, void *state, const struct mw_answer *a, size_t len)
{
	const struct mw_gzip_set *gzip = set;
	const struct hx_piece piece = { .bytes = { NULL, len } };

	return !((const struct mw_gzip_state *)state)->accepted || (int64_t)len < gzip->minimum_size ||
	    !mw_gzip_content_is_long(gzip, state, &piece, true) || passes(gzip, state, a);
}

static int
vary(const struct mw_gzip_set *gzip, struct mw_answer *a)
{
	return mw_answer_vary(a, SLICE_LIT("Accept-Encoding"), gzip->first_vary);
}

static int
whole(const struct mw_gzip_set *gzip, struct mw_gzip_state *s, struct mw_answer *a,
    struct hx_piece *piece)
{
	if (!gzip->vary_last && vary(gzip, a) < 0)
		return -1;
	if (!s->accepted)
		return 0;
	if (mw_gzip_content_pack(gzip, s, piece) < 0 ||
	    mw_answer_set(a, SLICE_LIT("content-encoding"), SLICE_LIT("gzip")) < 0 ||
	    mw_answer_set_number(a, SLICE_LIT("content-length"), piece->bytes.len) < 0)
		return -1;
	return gzip->vary_last ? vary(gzip, a) : 0;
}

/* The first of several pieces decides about the head. 0, or -1 when out of memory. */
static int
stream_begin(const struct mw_gzip_set *gzip, const struct mw_gzip_state *s, struct mw_answer *a)
{
	if (!gzip->vary_last && vary(gzip, a) < 0)
		return -1;
	if (!s->accepted)
		return 0;
	mw_answer_remove(a, SLICE_LIT("content-length"));
	if (mw_answer_set(a, SLICE_LIT("content-encoding"), SLICE_LIT("gzip")) < 0)
		return -1;
	return gzip->vary_last ? vary(gzip, a) : 0;
}

static int
gzip_piece(const void *set, void *state, struct mw_answer *a, struct hx_piece *piece,
    bool last)
{
	const struct mw_gzip_set *gzip = set;
	struct mw_gzip_state *s = state;
	bool first = !s->started, all = first && mw_gzip_content_is_whole(piece, last);

	if (s->through)
		return 0;
	s->started = true;
	must(!first || a != NULL);
	if (all && (int64_t)piece->bytes.len < gzip->minimum_size)
		return 0;
	if (all)
		return whole(gzip, s, a, piece);
	if (first && stream_begin(gzip, s, a) < 0)
		return -1;
	return s->accepted ? mw_gzip_content_pack_piece(gzip, s, piece, first, last) : 0;
}

static bool
gzip_reads(const void *set, const void *state)
{
	const struct mw_gzip_state *s = state;

	(void)set;
	return s->accepted && !s->through;
}

static bool
gzip_heavy(const void *set, const void *state, const struct hx_piece *piece, bool last)
{
	const struct mw_gzip_set *gzip = set;
	const struct mw_gzip_state *s = state;
	bool small = !s->started && mw_gzip_content_is_whole(piece, last) &&
	    (int64_t)piece->bytes.len < gzip->minimum_size;

	return gzip_reads(set, state) && !small && mw_gzip_content_is_long(gzip, s, piece, last);
}

static void
gzip_work(const void *set, void *state, const struct hx_piece *piece, bool last)
{
	mw_gzip_content_work(set, state, piece, last);
}

static void
gzip_end(const void *set, void *state)
{
	(void)set;
	mw_gzip_content_end(state);
}

static int
gzip_open(void *set)
{
	return mw_gzip_content_open(set);
}

static void
gzip_close(void *set)
{
	mw_gzip_content_close(set);
}

const struct mw_class mw_gzip = {
	.name = "GZipMiddleware",
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.set_bytes = sizeof(struct mw_gzip_set),
	.state_bytes = sizeof(struct mw_gzip_state),
	.request = gzip_request,
	.head = gzip_head,
	.piece = gzip_piece,
	.reads = gzip_reads,
	.heavy = gzip_heavy,
	.work = gzip_work,
	.takes = gzip_takes,
	.end = gzip_end,
	.open = gzip_open,
	.close = gzip_close,
};
