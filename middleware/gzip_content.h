/*
 * gzip_content: what gzip.c decides about, and what becomes of the content.
 */
#ifndef MIDDLEWARE_GZIP_CONTENT_H
#define MIDDLEWARE_GZIP_CONTENT_H

#include "middleware/kept.h"
#include "middleware/middleware.h"
#include "middleware/pack.h"

struct mw_gzip_set {
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
	struct libdeflate_compressor *compressor;	/* for the loop's thread */
	char *scratch;			/* for one small answer at a time */
	struct mw_kept *kept;		/* compressed files */
};

struct mw_gzip_state {
	bool accepted;			/* the client takes gzip */
	bool through;			/* the answer passes as it is */
	bool started;			/* the first piece has come */
	bool worked;			/* `packed` is what the present piece becomes */
	bool keeps;			/* `form` is what all pieces of a file have become */
	struct z_stream_s *stream;	/* of an answer in pieces */
	struct slice packed, form;	/* own memory; ptr NULL: none, or there was none left */
};

/* Is the piece all that Starlette's layer would get at once of this answer? */
bool mw_gzip_content_is_whole(const struct hx_piece *piece, bool last);

/* Open what all requests need. 0, or -1 when out of memory; close it in both cases. */
int mw_gzip_content_open(struct mw_gzip_set *gzip) MUST_CHECK;
void mw_gzip_content_close(struct mw_gzip_set *gzip);

/* Compress a content that came whole. 0, or -1 when out of memory. */
int mw_gzip_content_pack(const struct mw_gzip_set *gzip, struct mw_gzip_state *s,
    struct hx_piece *piece) MUST_CHECK;

/* Compress one of several pieces, the `first` or the last one. 0; -1 when out of memory, or
 * when a file cannot be read. */
int mw_gzip_content_pack_piece(const struct mw_gzip_set *gzip, struct mw_gzip_state *s,
    struct hx_piece *piece, bool first, bool last) MUST_CHECK;

/* Would that take long? */
bool mw_gzip_content_is_long(const struct mw_gzip_set *gzip, const struct mw_gzip_state *s,
    const struct hx_piece *piece, bool last);

/* Do it on any thread; one of the two functions above follows. */
void mw_gzip_content_work(const struct mw_gzip_set *gzip, struct mw_gzip_state *s,
    const struct hx_piece *piece, bool last);

/* Free what the state owns. */
void mw_gzip_content_end(struct mw_gzip_state *s);

#endif
