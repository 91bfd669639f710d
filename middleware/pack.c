/*
 * pack: libdeflate for whole contents, zlib for pieces.
 *
 * Called by gzip_content.c. zlib flushes after a piece, so that it reaches the client when
 * Starlette's would; libdeflate is several times as fast, but has no pieces. What is compressed
 * here unpacks to the same bytes as Starlette's, which are others.
 */
#include "middleware/pack.h"

#include <libdeflate.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/must.h"

enum {
	WINDOW_BITS = 16 + MAX_WBITS,	/* with gzip's head and tail */
	MEMORY_LEVEL = 8,		/* Python's default */
	LEVEL_DEFAULT = -1, LEVEL_USUAL = 6, LEVEL_WHOLE = 7,
	SPARE_BYTES = 64		/* for a flush */
};

/* The level of libdeflate's that packs content of this size as well as zlib's does. Its two
 * levels behind LEVEL_WHOLE take twice the time for a hundredth of the bytes. */
struct libdeflate_compressor *
mw_pack_compressor_new(int64_t level)
{
	return libdeflate_alloc_compressor(level == LEVEL_DEFAULT ? LEVEL_USUAL :
	    level > LEVEL_WHOLE ? LEVEL_WHOLE : (int)level);
}

void
mw_pack_compressor_free(struct libdeflate_compressor *compressor)
{
	libdeflate_free_compressor(compressor);
}

size_t
mw_pack_room(struct libdeflate_compressor *compressor, size_t len)
{
	return libdeflate_gzip_compress_bound(compressor, len);
}

size_t
mw_pack_whole(struct libdeflate_compressor *compressor, struct slice bytes, char *out,
    size_t room)
{
	size_t len = libdeflate_gzip_compress(compressor, bytes.ptr, bytes.len, out, room);

	must(len > 0);
	return len;
}

struct z_stream_s *
mw_pack_stream_new(int64_t level)
{
	z_stream *stream = calloc(1, sizeof(*stream));

	if (stream == NULL)
		return NULL;
	if (deflateInit2(stream, (int)level, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL,
	    Z_DEFAULT_STRATEGY) != Z_OK) {
		free(stream);
		return NULL;
	}
	return stream;
}

void
mw_pack_stream_free(struct z_stream_s *stream)
{
	if (stream == NULL)
		return;
	(void)deflateEnd(stream);	/* it says so when the stream was not finished */
	free(stream);
}

struct slice
mw_pack_piece(struct z_stream_s *stream, struct slice bytes, enum mw_pack_end end)
{
	int flush = end == MW_PACK_LAST ? Z_FINISH :
	    end == MW_PACK_FLUSH ? Z_SYNC_FLUSH : Z_NO_FLUSH;
	size_t room, len = 0;
	char *out = NULL, *grown;

	if (bytes.len > UINT32_MAX / 4)
		return SLICE_NULL;
	room = deflateBound(stream, bytes.len) + SPARE_BYTES;
	stream->next_in = (Bytef *)(uintptr_t)bytes.ptr;
	stream->avail_in = (uInt)bytes.len;
	do {
		grown = realloc(out, room);
		if (grown == NULL) {
			free(out);
			return SLICE_NULL;
		}
		out = grown;
		stream->next_out = (Bytef *)out + len;
		stream->avail_out = (uInt)(room - len);
		if (bytes.len == 0 && flush == Z_SYNC_FLUSH)
			/* Python does so before it flushes; zlib then flushes once more. */
			(void)deflate(stream, Z_NO_FLUSH);
		must(deflate(stream, flush) != Z_STREAM_ERROR);
		len = room - stream->avail_out;
		room *= 2;
	} while (stream->avail_out == 0);
	return (struct slice){ out, len };
}
