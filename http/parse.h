/*
 * parse: bytes to a request head.
 *
 * http-parser reads the request line, field.c reads the fields, and policy.c decides
 * whether what they say is acceptable. Only parse.c knows which parser is used.
 */
#ifndef HTTP_PARSE_H
#define HTTP_PARSE_H

#include <stdint.h>

#include "base/attr.h"
#include "http/exchange.h"
#include "http/policy.h"

struct hx_limits {
	uint32_t line;		/* request line, bytes without CRLF; `head` limits it too */
	uint32_t field;		/* one field line, bytes without CRLF */
	uint32_t fields;	/* field lines, at most HX_MAX_HEADERS */
	uint32_t head;		/* whole head, bytes */
	uint64_t body;		/* content, bytes; 0: no limit */
};

/* Read a head from buf[0 .. len), which holds all bytes that have arrived. Returns
 *
 *	> 0	its length: x->req is filled, its slices point into buf, where the names
 *		of fields were made lower case
 *	0	it is incomplete: call again when there are more bytes
 *	-1	it is refused: *why is the refusal, the connection must be closed
 *
 * *scanned is 0 before the first call and remembers how much was searched. buf may move
 * between calls; its lines are then read again. A head may be refused before it is complete,
 * as soon as its bytes allow no other verdict, however they were cut into packets. One CRLF
 * before the request line is skipped (RFC 9112 section 2.2). The fields and a
 * percent-encoded path take memory from x->arena. */
int hx_parse_head(struct hx_exchange *x, char *buf, size_t len, size_t *scanned,
    const struct hx_limits *limits, enum hx_refusal *why) MUST_CHECK;

#endif
