/*
 * frame: frames of the WebSocket protocol.
 *
 * RFC 6455 section 5: a head of 2 to 14 bytes, and a payload. A client masks what it sends, a
 * server does not. Nothing here knows of messages that several frames make up.
 */
#ifndef HTTP_FRAME_H
#define HTTP_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

enum {
	HX_FRAME_HEAD_MOST = 10,	/* bytes of a head without a mask */
	HX_FRAME_CONTROL_MOST = 125,	/* bytes of a control frame's payload */
	HX_FRAME_CONTROL_BYTES = HX_FRAME_HEAD_MOST + HX_FRAME_CONTROL_MOST,	/* room for such a frame */
	HX_FRAME_KEY_BYTES = 4
};

enum hx_opcode {
	HX_CONTINUATION = 0x0,
	HX_TEXT = 0x1,
	HX_BINARY = 0x2,
	HX_CLOSE = 0x8,
	HX_PING = 0x9,
	HX_PONG = 0xa
};

/* The head of a client's frame. */
struct hx_frame {
	enum hx_opcode opcode;
	bool last;			/* of its message (FIN) */
	bool compressed;		/* its message is (RSV1, RFC 7692 section 6) */
	uint64_t len;			/* of the payload */
	unsigned char key[HX_FRAME_KEY_BYTES];	/* that masks it */
};

/* Read the head that `bytes` begin with; `compression` was negotiated. Its length, and *out is set;
 * 0: more of it is to come; -1: it breaks the protocol, which closes with 1002. */
int hx_frame_read(const char *bytes, size_t len, bool compression, struct hx_frame *out) MUST_CHECK;

/* Write the head of a server's frame, which is the whole of its message. Its length. */
size_t hx_frame_write(char out[HX_FRAME_HEAD_MOST], enum hx_opcode opcode, bool compressed,
    uint64_t len);

/* Copy `len` bytes of a payload, from its byte `at` on, without their mask; `key` NULL: they have
 * none. `to` may be `from`. True: all of them are ASCII. */
bool hx_frame_unmask(char *to, const char *from, size_t len, const unsigned char *key, uint64_t at);

/* May a client close with this code (section 7.4)? Those of 1000 to 2999 that no document has named,
 * and those that only stand for what was not said, it may not. */
bool hx_frame_close_code_is_valid(unsigned code);

#endif
