/*
 * forwarded: where a request comes from, as a trusted proxy says.
 *
 * X-Forwarded-Proto and X-Forwarded-For, read as uvicorn's ProxyHeadersMiddleware reads
 * them. What anyone else writes there changes nothing.
 */
#ifndef HTTP_FORWARDED_H
#define HTTP_FORWARDED_H

#include "http/exchange.h"
#include "http/trust.h"

/* Set the request's origin: the connection's, or what the fields of a head that was read
 * say, when the peer is trusted. The slices point into these fields, or are static. */
void hx_forwarded_read(const struct hx_trust *t, struct hx_exchange *x);

#endif
