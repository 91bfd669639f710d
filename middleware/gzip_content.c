/*
 * gzip_content: the content of compressed answers.
 *
 * Called by gzip.c. Starlette compresses large content on a thread; so does whoever asks
 * mw_gzip_content_is_long() first. Files that are sent in pieces are always long, because they
 * have to be read, too; what they have become is kept, if that is not too much.
 */
#include "middleware/gzip_content.h"

#include <stdlib.h>

enum {
	SCRATCH_BYTES = 16384,
	FILE_PIECE = 64 * 1024,		/* in which Starlette sends a file */
	LONG_BYTES = 32 * 1024		/* what is less takes no longer than a thread's waking */
};

int
mw_gzip_content_open(struct mw_gzip_set *gzip)
{
	gzip->compressor = mw_pack_compressor_new(gzip->level);
	gzip->scratch = malloc(SCRATCH_BYTES);
	gzip->kept = mw_kept_new();
	return gzip->compressor != NULL && gzip->scratch != NULL && gzip->kept != NULL ? 0 : -1;
}

void
mw_gzip_content_close(struct mw_gzip_set *gzip)
{
	if (gzip->compressor != NULL)
		mw_pack_compressor_free(gzip->compressor);
	free(gzip->scratch);
	mw_kept_free(gzip->kept);
}

bool
mw_gzip_content_is_whole(const struct hx_piece *piece, bool last)
{
	return last && (piece->file == NULL || piece->bytes.len < FILE_PIECE);
}

static void *
memory_of(struct slice s)
{
	return (void *)(uintptr_t)s.ptr;
}

/* Read a piece of a file, as much as there is of it. `ptr` is NULL when out of memory, or when
 * it cannot be read; else the caller frees it. */
static struct slice
file_read(const struct hx_piece *piece)
{
	char *bytes = malloc(piece->bytes.len + 1);	/* never 0 */
	ssize_t len = bytes != NULL ? hx_exchange_piece_read(*piece, bytes) : -1;

	if (len >= 0)
		return (struct slice){ bytes, (size_t)len };
	free(bytes);
	return SLICE_NULL;
}

/* The piece becomes bytes that are its own from now on. 0; -1: there are none. */
static int
piece_become(struct hx_piece *piece, struct slice bytes)
{
	if (bytes.ptr == NULL)
		return -1;
	hx_exchange_piece_drop(*piece);
	*piece = (struct hx_piece){ .bytes = bytes, .release = free, .arg = memory_of(bytes) };
	return 0;
}

/* The piece becomes what work() has made of it. 0, or -1 when that was not possible. */
static int
packed_take(struct mw_gzip_state *s, struct hx_piece *piece)
{
	struct slice packed = s->packed;

	s->worked = false;
	s->packed = SLICE_NULL;
	return piece_become(piece, packed);
}

/* Compress bytes that are in memory. 0, or -1 when out of memory. */
static int
bytes_compress(const struct mw_gzip_set *gzip, struct hx_piece *piece)
{
	size_t room = mw_pack_room(gzip->compressor, piece->bytes.len), len;
	bool small = room <= SCRATCH_BYTES;
	char *out = small ? gzip->scratch : malloc(room);

	if (out == NULL)
		return -1;
	len = mw_pack_whole(gzip->compressor, piece->bytes, out, room);
	hx_exchange_piece_drop(*piece);
	*piece = (struct hx_piece){
		.bytes = { out, len }, .release = small ? NULL : free, .arg = out
	};
	return 0;
}

static bool
is_all(const struct hx_piece *piece)
{
	return piece->file != NULL && piece->at == 0 && piece->bytes.len == piece->file->size;
}

/* Put the form that is kept of a whole file into its place. False: there is none. */
static bool
kept_take(const struct mw_gzip_set *gzip, struct hx_piece *piece)
{
	struct hx_piece kept = { .bytes = SLICE_NULL };

	if (is_all(piece))
		kept = mw_kept_get(gzip->kept, piece->file);
	if (kept.bytes.ptr == NULL)
		return false;
	hx_exchange_piece_drop(*piece);
	*piece = kept;
	return true;
}

/* Compress a short file, unless that has been done. 0, or -1 when out of memory. */
static int
file_compress(const struct mw_gzip_set *gzip, struct hx_piece *piece)
{
	struct hx_file file = *piece->file;
	bool all = is_all(piece);

	if (kept_take(gzip, piece))
		return 0;
	if (piece_become(piece, file_read(piece)) < 0)
		return -1;
	all = all && piece->bytes.len == file.size;
	if (bytes_compress(gzip, piece) < 0)
		return -1;
	if (all)
		mw_kept_put(gzip->kept, &file, piece->bytes);
	return 0;
}

int
mw_gzip_content_pack(const struct mw_gzip_set *gzip, struct mw_gzip_state *s,
    struct hx_piece *piece)
{
	if (s->worked)
		return packed_take(s, piece);
	return piece->file != NULL ? file_compress(gzip, piece) : bytes_compress(gzip, piece);
}

/* Compress one of several pieces into memory of its own. `ptr` is NULL when out of memory. */
static struct slice
stream_pack(const struct mw_gzip_set *gzip, struct mw_gzip_state *s, struct slice bytes,
    bool last)
{
	enum mw_pack_end end = last ? MW_PACK_LAST : gzip->flushes ? MW_PACK_FLUSH : MW_PACK_ON;

	if (s->stream == NULL)
		s->stream = mw_pack_stream_new(gzip->level);
	return s->stream != NULL ? mw_pack_piece(s->stream, bytes, end) : SLICE_NULL;
}

/* Put what a piece of the file has become behind the others, as long as all may be kept. */
static void
form_add(struct mw_gzip_state *s, struct slice packed)
{
	size_t len = s->form.len + packed.len;
	char *grown = len <= MW_KEPT_BYTES ? realloc(memory_of(s->form), len + 1) : NULL;

	s->keeps = grown != NULL;
	if (grown == NULL)
		return;
	memcpy(grown + s->form.len, packed.ptr, packed.len);
	s->form = (struct slice){ grown, len };
}

/* A piece of a file, which work() has read and compressed. 0, or -1 when it could not. */
static int
file_piece(const struct mw_gzip_set *gzip, struct mw_gzip_state *s, struct hx_piece *piece,
    bool last)
{
	struct hx_file file = *piece->file;
	bool all = last && piece->at + piece->bytes.len == file.size;

	if (packed_take(s, piece) < 0)
		return -1;
	if (s->keeps)
		form_add(s, piece->bytes);
	if (s->keeps && all)
		mw_kept_put(gzip->kept, &file, s->form);
	return 0;
}

int
mw_gzip_content_pack_piece(const struct mw_gzip_set *gzip, struct mw_gzip_state *s,
    struct hx_piece *piece, bool first, bool last)
{
	if (first && last && kept_take(gzip, piece))
		return 0;
	if (s->worked && piece->file != NULL)
		return file_piece(gzip, s, piece, last);
	s->keeps = false;
	if (s->worked)
		return packed_take(s, piece);
	if (piece->file != NULL && piece_become(piece, file_read(piece)) < 0)
		return -1;
	return piece_become(piece, stream_pack(gzip, s, piece->bytes, last));
}

bool
mw_gzip_content_is_long(const struct mw_gzip_set *gzip, const struct mw_gzip_state *s,
    const struct hx_piece *piece, bool last)
{
	bool whole = !s->started && mw_gzip_content_is_whole(piece, last), kept;

	if (piece->file == NULL)
		return piece->bytes.len >= LONG_BYTES &&
		    ((int64_t)piece->bytes.len >= gzip->thread_minimum_size ||
		    (!whole && piece->bytes.len >= FILE_PIECE));
	kept = !s->started && last && is_all(piece) && mw_kept_has(gzip->kept, piece->file);
	return !kept && !whole;
}

/* All of a content. Each thread has a compressor of its own. */
static struct slice
whole_work(const struct mw_gzip_set *gzip, struct slice bytes)
{
	struct libdeflate_compressor *compressor = mw_pack_compressor_new(gzip->level);
	size_t room = compressor != NULL ? mw_pack_room(compressor, bytes.len) : 0;
	char *out = compressor != NULL ? malloc(room) : NULL;
	struct slice packed = { out, 0 };

	if (out != NULL)
		packed.len = mw_pack_whole(compressor, bytes, out, room);
	if (compressor != NULL)
		mw_pack_compressor_free(compressor);
	return packed;
}

/* A piece of a file. What is read of a file that changes is not kept. */
static struct slice
file_work(const struct mw_gzip_set *gzip, struct mw_gzip_state *s, const struct hx_piece *piece,
    bool last)
{
	struct slice read = file_read(piece), packed = SLICE_NULL;

	if (!s->started)
		s->keeps = piece->at == 0 && mw_kept_may(piece->file);
	s->keeps = s->keeps && read.len == piece->bytes.len;
	if (read.ptr != NULL)
		packed = stream_pack(gzip, s, read, last);
	free(memory_of(read));
	return packed;
}

void
mw_gzip_content_work(const struct mw_gzip_set *gzip, struct mw_gzip_state *s,
    const struct hx_piece *piece, bool last)
{
	bool whole = !s->started && mw_gzip_content_is_whole(piece, last);

	s->packed = piece->file != NULL ? file_work(gzip, s, piece, last) :
	    whole ? whole_work(gzip, piece->bytes) : stream_pack(gzip, s, piece->bytes, last);
	s->worked = true;
}

void
mw_gzip_content_end(struct mw_gzip_state *s)
{
	mw_pack_stream_free(s->stream);
	free(memory_of(s->packed));
	free(memory_of(s->form));
	s->stream = NULL;
	s->packed = s->form = SLICE_NULL;
}
