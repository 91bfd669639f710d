/*
 * policy: what a request must look like to be served.
 *
 * http-parser is lenient (and Debian's build more so); everything here is what
 * RFC 9110 and 9112 let a strict server refuse, so that no proxy in front and
 * no application behind can read a request differently than we do.
 */
#ifndef HTTP_POLICY_H
#define HTTP_POLICY_H

#include "base/attr.h"
#include "http/exchange.h"
#include "http/refusal.h"

/* Method, target, Host, framing fields, expectations of a parsed
 * request; fills keep_alive, chunked, content_length, expect_continue and the
 * target's parts. */
enum hx_refusal hx_policy_request(struct hx_exchange *x) MUST_CHECK;

#endif
