/*
 * policy: what a request must look like to be served.
 *
 * http-parser is lenient, and Debian's build more so. The policy refuses what a proxy in
 * front or the application behind might frame or route differently than we do, where RFC
 * 9110 and 9112 let a strict server refuse it. All else is served, as by uvicorn.
 */
#ifndef HTTP_POLICY_H
#define HTTP_POLICY_H

#include "base/attr.h"
#include "http/exchange.h"
#include "http/refusal.h"

/* Check method, target, Host, framing and expectation of a request whose lines were read.
 * Fills in the parts of the target, content_length, expect_continue and h1. The
 * Host becomes the target's when that names one. A percent-encoded path takes memory from
 * x->arena. HX_ACCEPTED, or the refusal. */
enum hx_refusal hx_policy_request(struct hx_exchange *x) MUST_CHECK;

#endif
