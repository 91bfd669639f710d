/*
 * deflate_terms: how the messages of a WebSocket are compressed.
 *
 * permessage-deflate, RFC 7692 section 7: what a client offers, and what is made of it.
 */
#ifndef HTTP_DEFLATE_TERMS_H
#define HTTP_DEFLATE_TERMS_H

#include <stdbool.h>
#include <stddef.h>

#include "http/exchange.h"

/* Of each direction: a window of 2^bits bytes, and whether each message begins with an empty one. */
struct hx_deflate_terms {
	unsigned server_bits, client_bits;
	bool server_anew, client_anew;
	bool client_bits_said;		/* client_bits is in the answer: the client has offered that */
};

enum {
	HX_DEFLATE_BITS = 12,		/* of a window that we choose; uvicorn's */
	HX_DEFLATE_BITS_MOST = 15,
	HX_DEFLATE_ANSWER_MOST = 144
};

/* The first offer of the request's Sec-WebSocket-Extensions that can be met. False: there is none. */
bool hx_deflate_terms_choose(const struct hx_exchange *x, struct hx_deflate_terms *out);

/* The answer's Sec-WebSocket-Extensions. Its length. */
size_t hx_deflate_terms_write(char out[HX_DEFLATE_ANSWER_MOST], const struct hx_deflate_terms *terms);

#endif
