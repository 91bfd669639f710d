/*
 * gzip: the twin of Starlette's GZipMiddleware.
 *
 * Called by list.c. Whole answers are compressed by libdeflate, pieces of others by zlib,
 * which flushes after each, so that every piece reaches the client when Starlette's would.
 * The head waits for the first piece, because that decides about its fields. What
 * Starlette compresses on a thread is not taken: nothing here may hold up the loop.
 */
#include <libdeflate.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/must.h"
#include "http/field.h"
#include "middleware/kept.h"
#include "middleware/list.h"
#include "middleware/text.h"

enum {
	SCRATCH_BYTES = 16384,
	WINDOW_BITS = 16 + MAX_WBITS,	/* with gzip's head and tail */
	MEMORY_LEVEL = 8,		/* Python's default */
	LEVEL_DEFAULT = -1, LEVEL_USUAL = 6, LEVEL_WHOLE = 7,
	SPARE_BYTES = 64,		/* for a flush */
	FILE_PIECE = 64 * 1024		/* in which Starlette sends a file */
};

struct gzip {
	int64_t minimum_size, level, thread_minimum_size;
	struct mw_texts excluded;
	/* What versions of Starlette differ in. */
	bool identity;			/* Vary also where the client takes no gzip */
	bool late;			/* every head waits for the first piece */
	bool flushes;			/* behind each piece of several */
	bool prefix;			/* an excluded type is what a type begins with */
	bool grpc;			/* an excluded application/grpc names its kinds, too */
	bool partial;			/* a part of a representation passes as it is */
	bool vary_last;			/* behind the other fields */
	bool first_vary;		/* see mw_answer_vary() */
	struct libdeflate_compressor *compressor;
	char *scratch;			/* for one small answer at a time */
	struct mw_kept *kept;		/* compressed files */
};

struct state {
	bool accepted;			/* the client takes gzip */
	bool through;			/* the answer passes as it is */
	bool started;			/* the first piece has come */
	z_stream *stream;		/* of an answer in pieces */
};

static const struct mw_option options[] = {
	{ "minimum_size", MW_NUMBER, offsetof(struct gzip, minimum_size) },
	{ "compresslevel", MW_NUMBER, offsetof(struct gzip, level) },
	{ "thread_minimum_size", MW_NUMBER, offsetof(struct gzip, thread_minimum_size) },
	{ "exclude_content_types", MW_TEXTS, offsetof(struct gzip, excluded) },
	{ "identity", MW_FLAG, offsetof(struct gzip, identity) },
	{ "late", MW_FLAG, offsetof(struct gzip, late) },
	{ "flushes", MW_FLAG, offsetof(struct gzip, flushes) },
	{ "prefix", MW_FLAG, offsetof(struct gzip, prefix) },
	{ "grpc", MW_FLAG, offsetof(struct gzip, grpc) },
	{ "partial", MW_FLAG, offsetof(struct gzip, partial) },
	{ "vary_last", MW_FLAG, offsetof(struct gzip, vary_last) },
	{ "first_vary", MW_FLAG, offsetof(struct gzip, first_vary) },
};

static enum mw_verdict
gzip_request(const void *set, void *state, const struct mw_request *r)
{
	struct slice accepted = mw_request_field(r, SLICE_LIT("accept-encoding"));

	(void)set;
	((struct state *)state)->accepted = accepted.len > 0 &&
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
type_begins(const struct gzip *gzip, struct slice value)
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
type_excluded(const struct gzip *gzip, struct slice type)
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
passes(const struct gzip *gzip, const struct state *s, const struct mw_answer *a)
{
	struct slice type = mw_answer_get(a, SLICE_LIT("content-type"));

	return (gzip->partial && a->status == 206) || (!gzip->identity && !s->accepted) ||
	    mw_answer_get(a, SLICE_LIT("content-encoding")).ptr != NULL ||
	    type_excluded(gzip, gzip->prefix ? type : hx_field_strip(before(type, ';')));
}

static enum mw_flow
gzip_head(const void *set, void *state, struct mw_answer *a)
{
	struct state *s = state;

	s->through = passes(set, s, a);
	return s->through && !((const struct gzip *)set)->late ? MW_ON : MW_HOLD;
}

static bool
gzip_takes(const void *set, void *state, const struct mw_answer *a, size_t len)
{
	const struct gzip *gzip = set;

	return !((const struct state *)state)->accepted || (int64_t)len < gzip->minimum_size ||
	    (int64_t)len < gzip->thread_minimum_size || passes(gzip, state, a);
}

static int
vary(const struct gzip *gzip, struct mw_answer *a)
{
	return mw_answer_vary(a, SLICE_LIT("Accept-Encoding"), gzip->first_vary);
}

/* Is the piece all that Starlette's layer would get at once of this answer? */
static bool
is_whole(const struct hx_piece *piece, bool last)
{
	return last && (piece->file == NULL || piece->bytes.len < FILE_PIECE);
}

/* Read a piece of a file, as much as there is of it. 0; -1 when out of memory, or when it
 * cannot be read. */
static int
piece_load(struct hx_piece *piece)
{
	char *bytes = malloc(piece->bytes.len);
	ssize_t len = bytes != NULL ? hx_exchange_piece_read(*piece, bytes) : -1;

	if (len < 0) {
		free(bytes);
		return -1;
	}
	hx_exchange_piece_drop(*piece);
	*piece = (struct hx_piece){
		.bytes = { bytes, (size_t)len }, .release = free, .arg = bytes
	};
	return 0;
}

/* Compress bytes that are in memory. 0, or -1 when out of memory. */
static int
bytes_compress(const struct gzip *gzip, struct hx_piece *piece)
{
	size_t room = libdeflate_gzip_compress_bound(gzip->compressor, piece->bytes.len), len;
	bool small = room <= SCRATCH_BYTES;
	char *out = small ? gzip->scratch : malloc(room);

	if (out == NULL)
		return -1;
	len = libdeflate_gzip_compress(gzip->compressor, piece->bytes.ptr, piece->bytes.len, out,
	    room);
	must(len > 0);
	hx_exchange_piece_drop(*piece);
	*piece = (struct hx_piece){
		.bytes = { out, len }, .release = small ? NULL : free, .arg = out
	};
	return 0;
}

/* Compress a file, unless that has been done. 0, or -1 when out of memory. */
static int
file_compress(const struct gzip *gzip, struct hx_piece *piece)
{
	struct hx_file file = *piece->file;
	struct hx_piece kept = mw_kept_get(gzip->kept, &file);
	bool is_all = piece->at == 0 && piece->bytes.len == file.size;

	if (is_all && kept.bytes.ptr != NULL) {
		hx_exchange_piece_drop(*piece);
		*piece = kept;
		return 0;
	}
	hx_exchange_piece_drop(kept);
	if (piece_load(piece) < 0)
		return -1;
	is_all = is_all && piece->bytes.len == file.size;
	if (bytes_compress(gzip, piece) < 0)
		return -1;
	if (is_all)
		mw_kept_put(gzip->kept, &file, piece->bytes);
	return 0;
}

static int
whole(const struct gzip *gzip, const struct state *s, struct mw_answer *a,
    struct hx_piece *piece)
{
	if (!gzip->vary_last && vary(gzip, a) < 0)
		return -1;
	if (!s->accepted)
		return 0;
	if ((piece->file != NULL ? file_compress(gzip, piece) : bytes_compress(gzip, piece)) < 0 ||
	    mw_answer_set(a, SLICE_LIT("content-encoding"), SLICE_LIT("gzip")) < 0 ||
	    mw_answer_set_number(a, SLICE_LIT("content-length"), piece->bytes.len) < 0)
		return -1;
	return gzip->vary_last ? vary(gzip, a) : 0;
}

/* Begin a stream. 0, or -1 when out of memory. */
static int
stream_open(const struct gzip *gzip, struct state *s)
{
	z_stream *stream = calloc(1, sizeof(*stream));

	if (stream == NULL)
		return -1;
	if (deflateInit2(stream, (int)gzip->level, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL,
	    Z_DEFAULT_STRATEGY) != Z_OK) {
		free(stream);
		return -1;
	}
	s->stream = stream;
	return 0;
}

/* Compress a piece. 0, or -1 when out of memory. */
static int
piece_compress(z_stream *stream, struct hx_piece *piece, int flush)
{
	size_t room, len = 0;
	char *out = NULL, *grown;

	if (piece->bytes.len > UINT32_MAX / 4)
		return -1;
	room = deflateBound(stream, piece->bytes.len) + SPARE_BYTES;
	stream->next_in = (Bytef *)(uintptr_t)piece->bytes.ptr;
	stream->avail_in = (uInt)piece->bytes.len;
	do {
		grown = realloc(out, room);
		if (grown == NULL) {
			free(out);
			return -1;
		}
		out = grown;
		stream->next_out = (Bytef *)out + len;
		stream->avail_out = (uInt)(room - len);
		if (piece->bytes.len == 0 && flush == Z_SYNC_FLUSH)
			/* Python does so before it flushes; zlib then flushes once more. */
			(void)deflate(stream, Z_NO_FLUSH);
		must(deflate(stream, flush) != Z_STREAM_ERROR);
		len = room - stream->avail_out;
		room *= 2;
	} while (stream->avail_out == 0);
	hx_exchange_piece_drop(*piece);
	*piece = (struct hx_piece){ .bytes = { out, len }, .release = free, .arg = out };
	return 0;
}

/* The first of several pieces decides about the head. 0, or -1 when out of memory. */
static int
stream_begin(const struct gzip *gzip, struct state *s, struct mw_answer *a)
{
	if (!gzip->vary_last && vary(gzip, a) < 0)
		return -1;
	if (!s->accepted)
		return 0;
	mw_answer_remove(a, SLICE_LIT("content-length"));
	if (mw_answer_set(a, SLICE_LIT("content-encoding"), SLICE_LIT("gzip")) < 0 ||
	    (gzip->vary_last && vary(gzip, a) < 0))
		return -1;
	return stream_open(gzip, s);
}

static int
gzip_piece(const void *set, void *state, struct mw_answer *a, struct hx_piece *piece,
    bool last)
{
	const struct gzip *gzip = set;
	struct state *s = state;
	bool all;

	if (s->through)
		return 0;
	if (!s->started) {
		must(a != NULL);
		s->started = true;
		all = is_whole(piece, last);
		if (all && (int64_t)piece->bytes.len < gzip->minimum_size)
			return 0;
		if (all)
			return whole(gzip, s, a, piece);
		if (stream_begin(gzip, s, a) < 0)
			return -1;
	}
	if (s->stream == NULL)
		return 0;
	if (piece->file != NULL && piece_load(piece) < 0)
		return -1;
	return piece_compress(s->stream, piece, last ? Z_FINISH :
	    gzip->flushes ? Z_SYNC_FLUSH : Z_NO_FLUSH);
}

static void
gzip_end(const void *set, void *state)
{
	struct state *s = state;

	(void)set;
	if (s->stream == NULL)
		return;
	(void)deflateEnd(s->stream);	/* it says so when the stream was not finished */
	free(s->stream);
	s->stream = NULL;
}

/* The level of libdeflate's that packs content of this size as well as zlib's does. Its two
 * levels behind LEVEL_WHOLE take twice the time for a hundredth of the bytes. */
static int
whole_level(int64_t level)
{
	return level == LEVEL_DEFAULT ? LEVEL_USUAL :
	    level > LEVEL_WHOLE ? LEVEL_WHOLE : (int)level;
}

static int
gzip_open(void *set)
{
	struct gzip *gzip = set;

	gzip->compressor = libdeflate_alloc_compressor(whole_level(gzip->level));
	gzip->scratch = malloc(SCRATCH_BYTES);
	gzip->kept = mw_kept_new();
	return gzip->compressor != NULL && gzip->scratch != NULL && gzip->kept != NULL ? 0 : -1;
}

static void
gzip_close(void *set)
{
	struct gzip *gzip = set;

	libdeflate_free_compressor(gzip->compressor);
	free(gzip->scratch);
	mw_kept_free(gzip->kept);
}

const struct mw_class mw_gzip = {
	.name = "GZipMiddleware",
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.set_bytes = sizeof(struct gzip),
	.state_bytes = sizeof(struct state),
	.request = gzip_request,
	.head = gzip_head,
	.piece = gzip_piece,
	.takes = gzip_takes,
	.end = gzip_end,
	.open = gzip_open,
	.close = gzip_close,
};
