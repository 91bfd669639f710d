/*
 * messages: what a WebSocket client sends, frame by frame.
 *
 * RFC 6455 sections 5.4 and 5.5: the frames of a message stand in order, frames of control may
 * stand between them. Nothing is kept here of what they carry, so that the reader of a message
 * copies it once.
 */
#ifndef HTTP_MESSAGES_H
#define HTTP_MESSAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"
#include "http/frame.h"

/* Zeroed at first, but for `limit` and `compression`. */
struct hx_messages {
	uint64_t limit;			/* bytes of a message as it was sent, 0: none */
	bool compression;		/* was negotiated */
	bool open;			/* a message has begun, and has not ended */
	bool in_frame;			/* the head of `frame` was read, its payload was not all given */
	struct hx_frame frame;
	uint64_t given;			/* bytes of its payload */
	enum hx_opcode opcode;		/* of the open message */
	bool compressed;		/* it is */
	uint64_t len;			/* of its frames so far, with the one in hand */
};

/* A part of a message, or the whole of a control frame. The payload is still masked (see
 * hx_frame_unmask()), unless `key` is NULL. */
struct hx_part {
	enum hx_opcode opcode;		/* never HX_CONTINUATION */
	struct slice payload;
	const unsigned char *key;	/* of the frame; valid until the next call */
	uint64_t at;			/* bytes of the frame before the payload */
	bool first, last;		/* of its message */
	bool compressed;		/* its message is */
	uint64_t whole;			/* bytes of the whole message, where its first frame tells; else 0 */
};

enum hx_messages_verdict {
	HX_MESSAGES_MORE,		/* all that can be given was */
	HX_MESSAGES_PART,
	HX_MESSAGES_BROKEN,		/* it breaks the protocol: close with 1002 */
	HX_MESSAGES_TOO_LARGE		/* the message is: close with 1009 */
};

/* The next part of what `bytes` begin with. *used: how many of them it has taken, also with MORE; the
 * caller gives the rest again, with what has come behind it. After BROKEN and TOO_LARGE nothing more may
 * be read. */
enum hx_messages_verdict hx_messages_next(struct hx_messages *m, const char *bytes, size_t len,
    size_t *used, struct hx_part *part) MUST_CHECK;

#endif
