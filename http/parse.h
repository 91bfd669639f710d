/*
 * parse: bytes to a request head.
 *
 * http-parser reads the request line, field.c the fields, and policy.c decides on
 * what they say. Only parse.c knows which parser it is.
 */
#ifndef HTTP_PARSE_H
#define HTTP_PARSE_H

#include <stdint.h>

#include "base/attr.h"
#include "http/exchange.h"
#include "http/policy.h"

struct hx_limits {
	uint32_t line;		/* request line, bytes without CRLF */
	uint32_t field;		/* one field line, bytes without CRLF */
	uint32_t fields;	/* field lines, at most HX_MAX_HEADERS */
	uint32_t head;		/* whole head, bytes */
	uint64_t body;		/* content, bytes; 0: no limit */
};

extern const struct hx_limits hx_limits_default;

/* Read a head from buf[0 .. len). Returns the bytes it takes up (x->req is then
 * filled, its slices point into buf, field names are lower case in place), 0
 * while it is incomplete (*scanned, 0 at first, remembers what was seen), -1 when
 * it is refused (*why says how to answer; the connection must be closed). One
 * CRLF before the request line is skipped (RFC 9112 section 2.2). A head may be
 * refused before it is complete; how it was cut never changes the verdict. buf may
 * move between calls. Memory is taken only for a percent-encoded path, from
 * x->arena. */
int hx_parse_head(struct hx_exchange *x, char *buf, size_t len, size_t *scanned,
    const struct hx_limits *limits, enum hx_refusal *why) MUST_CHECK;

#endif
