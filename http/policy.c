/*
 * policy: one check after the other.
 *
 * Called by parse.c for every head. Each check names the clause it stands on.
 */
#include "http/policy.h"

#include <strings.h>

#include "base/decimal.h"
#include "http/field.h"
#include "http/target.h"

enum { MAX_PORT_DIGITS = 5 };

/* What an octet may be part of. Octets above ASCII may not be part of either. */
enum {
	OCTET_TARGET = 1,	/* visible, neither '#' nor '\\' */
	OCTET_HOST = 2		/* RFC 3986 reg-name, without ',' */
};

#define T OCTET_TARGET
#define H (OCTET_TARGET | OCTET_HOST)
static const uint8_t octets[256] = {
	['"'] = T, [','] = T, ['/'] = T, [':'] = T, ['<'] = T, ['>'] = T, ['?'] = T,
	['@'] = T, ['['] = T, [']'] = T, ['^'] = T, ['`'] = T, ['{'] = T, ['|'] = T,
	['}'] = T,
	['!'] = H, ['$'] = H, ['%'] = H, ['&'] = H, ['\''] = H, ['('] = H, [')'] = H,
	['*'] = H, ['+'] = H, ['-'] = H, ['.'] = H, [';'] = H, ['='] = H, ['_'] = H,
	['~'] = H,
	['0'] = H, H, H, H, H, H, H, H, H, H,
	['A'] = H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H,
	['a'] = H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H,
};
#undef T
#undef H

static bool
octet_is(char c, uint8_t class)
{
	return (octets[(unsigned char)c] & class) != 0;
}

/* How many octets at the start of `s` are of the class. */
static size_t
span(struct slice s, uint8_t class)
{
	size_t n = 0;

	while (n < s.len && octet_is(s.ptr[n], class))
		n++;
	return n;
}

/* Has the target only visible ASCII without '#' and '\', and no percent sequence that is
 * cut off or stands for NUL, CR or LF? */
static bool
target_ok(struct slice t)
{
	const char *p = t.ptr, *end = t.ptr + t.len;

	if (t.len == 0 || span(t, OCTET_TARGET) != t.len)
		return false;
	while ((p = memchr(p, '%', (size_t)(end - p))) != NULL) {
		int value = hx_target_percent_value(p, (size_t)(end - p));

		if (value <= 0 || value == '\n' || value == '\r')
			return false;
		p += 3;
	}
	return true;
}

static bool
port_ok(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!decimal_digit(s.ptr[i]))
			return false;
	return s.len <= MAX_PORT_DIGITS;
}

/* The length of "[...]" at the start of an authority; 0 when the bracket is not closed or
 * has other bytes than an address (RFC 3986 section 3.2.2). */
static size_t
bracket_span(struct slice s)
{
	size_t n = 1;

	/* '%' would begin a zone, which has a meaning on the sender's machine only. */
	while (n < s.len && s.ptr[n] != '%' &&
	    (octet_is(s.ptr[n], OCTET_HOST) || s.ptr[n] == ':'))
		n++;
	return n > 1 && n < s.len && s.ptr[n] == ']' ? n + 1 : 0;
}

/* Is it host[:port] and nothing else, as a Host or an authority must be (RFC 9112 section
 * 3.2)? */
static bool
authority_ok(struct slice s)
{
	size_t host;

	if (s.len == 0)
		return false;
	host = *s.ptr == '[' ? bracket_span(s) : span(s, OCTET_HOST);
	if (host == 0 || host == s.len)
		return host != 0;
	return s.ptr[host] == ':' &&
	    port_ok((struct slice){ s.ptr + host + 1, s.len - host - 1 });
}

/* Names of hosts have no case (RFC 9110 section 4.2.3). */
static bool
same_host(struct slice a, struct slice b)
{
	return a.len == b.len && strncasecmp(a.ptr, b.ptr, a.len) == 0;
}

/* Take http://authority off the target; it must be the Host (RFC 9112 section 3.2.2). */
static enum hx_refusal
absolute_form(struct hx_exchange *x, struct slice *rest)
{
	struct slice t = *rest, host = hx_exchange_known(x, HX_HOST), authority;
	size_t skip;

	if (t.len > 7 && slice_equal_lower((struct slice){ t.ptr, 7 }, SLICE_LIT("http://")))
		skip = 7;
	else if (t.len > 8 &&
	    slice_equal_lower((struct slice){ t.ptr, 8 }, SLICE_LIT("https://")))
		skip = 8;
	else
		return HX_REFUSE_bad_target;
	authority = (struct slice){ t.ptr + skip, t.len - skip };
	for (size_t i = 0; i < authority.len; i++)
		if (authority.ptr[i] == '/' || authority.ptr[i] == '?') {
			authority.len = i;
			break;
		}
	if (!authority_ok(authority) || (host.ptr != NULL && !same_host(host, authority)))
		return HX_REFUSE_bad_host;
	*rest = (struct slice){ authority.ptr + authority.len, t.len - skip - authority.len };
	return HX_ACCEPTED;
}

static enum hx_refusal
target_split(struct hx_exchange *x)
{
	struct hx_request *req = &x->req;
	struct slice rest = req->target;
	enum hx_refusal why;
	const char *mark;

	if (!target_ok(rest))
		return HX_REFUSE_bad_target;
	if (rest.len == 1 && *rest.ptr == '*') {
		if (!slice_equal(req->method_name, SLICE_LIT("OPTIONS")))
			return HX_REFUSE_bad_target;
	} else if (*rest.ptr != '/' && (why = absolute_form(x, &rest)) != HX_ACCEPTED) {
		return why;
	}
	mark = rest.len > 0 ? memchr(rest.ptr, '?', rest.len) : NULL;
	req->raw_path = rest;
	req->query = SLICE_LIT("");
	if (mark != NULL) {
		req->raw_path.len = (size_t)(mark - rest.ptr);
		req->query = (struct slice){ mark + 1, rest.len - req->raw_path.len - 1 };
	}
	if (req->raw_path.len == 0)
		req->raw_path = SLICE_LIT("/");
	if (hx_target_path_decode(&x->arena, req->raw_path, &req->path) < 0)
		return HX_REFUSE_no_memory;
	return HX_ACCEPTED;
}

/* RFC 9112 section 6.3. A list, a sign, leading zeros and a repetition are refused; the RFC
 * would allow a repetition of the same value. */
static enum hx_refusal
length_read(struct hx_exchange *x)
{
	struct slice v = hx_exchange_known(x, HX_CONTENT_LENGTH);

	if (v.ptr == NULL)
		return HX_ACCEPTED;
	if (x->req.count[HX_CONTENT_LENGTH] != 1 || (v.len > 1 && *v.ptr == '0') ||
	    !decimal_read(v.ptr, v.len, &x->req.content_length))
		return HX_REFUSE_bad_length;
	return HX_ACCEPTED;
}

static enum hx_refusal
framing_read(struct hx_exchange *x)
{
	struct slice coding = hx_exchange_known(x, HX_TRANSFER_ENCODING);
	enum hx_refusal why = length_read(x);

	if (why != HX_ACCEPTED || coding.ptr == NULL)
		return why;
	if (x->req.count[HX_CONTENT_LENGTH] > 0)
		return HX_REFUSE_length_and_coding;
	if (x->req.h1.minor == 0)
		return HX_REFUSE_coding_in_10;
	if (x->req.count[HX_TRANSFER_ENCODING] != 1 ||
	    !slice_equal_lower(coding, SLICE_LIT("chunked")))
		return HX_REFUSE_bad_coding;
	x->req.h1.chunked = true;
	return HX_ACCEPTED;
}

static enum hx_refusal
expectation_read(struct hx_exchange *x)
{
	struct slice v = hx_exchange_known(x, HX_EXPECT);

	x->req.expect_continue = false;
	if (v.ptr == NULL || x->req.h1.minor == 0)
		return HX_ACCEPTED;
	if (!slice_equal_lower(v, SLICE_LIT("100-continue")))
		return HX_REFUSE_bad_expectation;
	x->req.expect_continue = true;
	return HX_ACCEPTED;
}

/* RFC 9112 section 9.6: any Connection field may say "close". */
static bool
asks_to_close(const struct hx_request *req)
{
	for (unsigned i = 0; req->count[HX_CONNECTION] > 0 && i < req->n_headers; i++)
		if (slice_equal(req->headers[i].name, SLICE_LIT("connection")) &&
		    hx_field_has_token(req->headers[i].value, SLICE_LIT("close")))
			return true;
	return false;
}

enum hx_refusal
hx_policy_request(struct hx_exchange *x)
{
	struct hx_request *req = &x->req;
	struct slice host = hx_exchange_known(x, HX_HOST);
	enum hx_refusal why;

	req->h1.chunked = false;
	req->content_length = 0;
	if (slice_equal(req->method_name, SLICE_LIT("CONNECT")))
		return HX_REFUSE_connect;
	/* RFC 9112 section 3.2: 1.1 requires exactly one Host. */
	if (req->count[HX_HOST] > 1 || (req->h1.minor == 1 && host.ptr == NULL) ||
	    (host.ptr != NULL && !authority_ok(host)))
		return HX_REFUSE_bad_host;
	why = target_split(x);
	if (why == HX_ACCEPTED)
		why = framing_read(x);
	if (why == HX_ACCEPTED)
		why = expectation_read(x);
	/* uvicorn never keeps an HTTP/1.0 connection. */
	req->h1.keep_alive = req->h1.minor == 1 && !asks_to_close(req);
	return why;
}
