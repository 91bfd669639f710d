/*
 * policy: what a request must look like to be served.
 *
 * http-parser is lenient (and Debian's build more so); everything here is what
 * RFC 9110 and 9112 let a strict server refuse, so that no proxy in front and
 * no application behind can read a request differently than we do.
 */
#ifndef HTTP_POLICY_H
#define HTTP_POLICY_H

#include "http/exchange.h"

struct hx_refusal {
	int status;
	const char *name;	/* of the counter */
	const char *reason;	/* sent as text/plain */
};

#define REFUSAL(name, status, reason) HX_REFUSE_##name,
enum hx_refusal_id {
#include "http/refusal.def"
	HX_REFUSAL_COUNT
};
#undef REFUSAL

const struct hx_refusal *hx_refusal_get(enum hx_refusal_id id);

/* Is `s` a token (RFC 9110 section 5.6.2): a field name, say? */
bool hx_policy_token(struct slice s);

/* Method, target, Host, framing fields, expectations of a parsed
 * request; fills keep_alive, chunked, content_length, expect_continue and the
 * target's parts. */
const struct hx_refusal *hx_policy_request(struct hx_exchange *x);

#endif
