/*
 * framing: where a request's content ends.
 *
 * Content-Length and chunked (RFC 9112 sections 6 and 7), strictly: any byte that the
 * grammar does not allow refuses the request, because a proxy in front might have read
 * it differently. Trailer fields are read and thrown away, so none can do harm and none is
 * refused for its name (section 7.1.2); their sizes are limited like those of a head.
 */
#ifndef HTTP_FRAMING_H
#define HTTP_FRAMING_H

#include "base/attr.h"
#include "http/exchange.h"
#include "http/parse.h"

enum hx_framing_state {
	HX_FRAMING_LENGTH,	/* `left` bytes of content */
	HX_FRAMING_SIZE,	/* a chunk's size line */
	HX_FRAMING_CHUNK,	/* `left` bytes of a chunk */
	HX_FRAMING_CHUNK_END,	/* the CRLF behind a chunk */
	HX_FRAMING_TRAILER,	/* the start of a trailer line, or of the last, empty one */
	HX_FRAMING_NAME,	/* a trailer field's name */
	HX_FRAMING_VALUE,	/* its value */
	HX_FRAMING_LINE_LF,	/* the LF behind it */
	HX_FRAMING_LAST_LF,	/* the LF of the empty line */
	HX_FRAMING_END
};

struct hx_framing {
	enum hx_framing_state state;
	uint64_t left;
	const struct hx_limits *limits;
	uint32_t extension_bytes;	/* of all chunks together */
	uint32_t trailer_bytes, trailer_fields;
	uint32_t line_len;
	char line[256];			/* a chunk's size line, or the CRLF behind a chunk */
};

enum hx_framing_result {
	HX_FRAMING_MORE,	/* all bytes used, more are needed */
	HX_FRAMING_DATA,	/* *data is content, borrowed from buf */
	HX_FRAMING_DONE,	/* the content is complete */
	HX_FRAMING_REFUSED	/* *why */
};

/* Begin the content of a request whose head was accepted. `limits` is borrowed. */
void hx_framing_init(struct hx_framing *f, const struct hx_request *req,
    const struct hx_limits *limits);

/* Take bytes from buf[0 .. len), *used of them. One call gives one result: after DATA call
 * it again with the rest, which may be empty. After DONE the rest is the next request. */
enum hx_framing_result hx_framing_feed(struct hx_framing *f, const char *buf, size_t len,
    size_t *used, struct slice *data, enum hx_refusal *why) MUST_CHECK;

#endif
