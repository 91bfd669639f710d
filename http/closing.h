/*
 * closing: what a Close frame says.
 */
#ifndef HTTP_CLOSING_H
#define HTTP_CLOSING_H

#include "base/attr.h"
#include "http/messages.h"

/* What a Close frame says (section 7.1.5). */
struct hx_closing {
	unsigned code;			/* HX_CLOSE_NONE: it has none */
	size_t reason_len;
	char reason[HX_FRAME_CONTROL_MOST];	/* UTF-8 */
};

/* Codes that a server itself closes with (section 7.4.1), and the one that stands for no code. */
enum {
	HX_CLOSE_NORMAL = 1000,
	HX_CLOSE_BROKEN = 1002,
	HX_CLOSE_NONE = 1005,
	HX_CLOSE_TEXT = 1007,
	HX_CLOSE_TOO_LARGE = 1009,
	HX_CLOSE_FAILED = 1011,
	HX_CLOSE_RESTART = 1012
};

/* Read the part of a Close frame. 0, or the code to close with because it is wrong. */
unsigned hx_closing_read(const struct hx_part *part, struct hx_closing *out) MUST_CHECK;

/* Write a whole Close frame. Its length. */
size_t hx_closing_write(char out[HX_FRAME_CONTROL_BYTES], const struct hx_closing *closing);

#endif
