/*
 * pack: bytes to gzip, whole or in pieces.
 *
 * The functions may run on any thread, each compressor on one at a time.
 */
#ifndef MIDDLEWARE_PACK_H
#define MIDDLEWARE_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"

struct libdeflate_compressor;
struct z_stream_s;

/* What compresses whole contents, at one of zlib's levels, -1 to 9. NULL when out of memory. */
struct libdeflate_compressor *mw_pack_compressor_new(int64_t level) MUST_CHECK;
void mw_pack_compressor_free(struct libdeflate_compressor *compressor);

/* The most bytes that content of that length becomes. */
size_t mw_pack_room(struct libdeflate_compressor *compressor, size_t len);

/* Compress all of a content into `out`, which has room for it. The length. */
size_t mw_pack_whole(struct libdeflate_compressor *compressor, struct slice bytes, char *out,
    size_t room);

/* A content in pieces. NULL when out of memory. */
struct z_stream_s *mw_pack_stream_new(int64_t level) MUST_CHECK;
void mw_pack_stream_free(struct z_stream_s *stream);

/* How a piece ends. */
enum mw_pack_end {
	MW_PACK_ON,	/* its bytes may come with later ones */
	MW_PACK_FLUSH,	/* all of it can be unpacked, when its bytes are there */
	MW_PACK_LAST
};

/* Compress a piece, into memory that the caller frees. `ptr` is NULL when out of memory. */
struct slice mw_pack_piece(struct z_stream_s *stream, struct slice bytes,
    enum mw_pack_end end) MUST_CHECK;

#endif
