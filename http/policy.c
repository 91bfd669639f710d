/*
 * policy: one check after the other.
 *
 * Called by parse.c for every head. Each check names the clause it stands on.
 */
#include "http/policy.h"

#include "base/decimal.h"
#include "http/field.h"
#include "http/target.h"

/* What an octet may be part of. Octets above ASCII may be part of nothing. */
enum {
	OCTET_TARGET = 1,	/* visible, without '#' */
	OCTET_HOST = 2,		/* RFC 3986 reg-name, without ',' */
	OCTET_FRAGMENT = 4	/* what follows the first '#' */
};

#define F OCTET_FRAGMENT
#define T (OCTET_TARGET | F)
#define H (T | OCTET_HOST)
static const uint8_t octets[256] = {
	['#'] = F,
	['"'] = T, [','] = T, ['/'] = T, [':'] = T, ['<'] = T, ['>'] = T, ['?'] = T,
	['@'] = T, ['['] = T, ['\\'] = T, [']'] = T, ['^'] = T, ['`'] = T, ['{'] = T,
	['|'] = T, ['}'] = T,
	['!'] = H, ['$'] = H, ['%'] = H, ['&'] = H, ['\''] = H, ['('] = H, [')'] = H,
	['*'] = H, ['+'] = H, ['-'] = H, ['.'] = H, [';'] = H, ['='] = H, ['_'] = H,
	['~'] = H,
	['0'] = H, H, H, H, H, H, H, H, H, H,
	['A'] = H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H,
	['a'] = H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H,
};
#undef F
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

static bool
port_ok(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!decimal_digit(s.ptr[i]))
			return false;
	return true;
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

/* Is it [host][:port] and nothing else, as a Host must be (RFC 9112 section 3.2)? */
static bool
host_ok(struct slice s)
{
	bool bracket = s.len > 0 && *s.ptr == '[';
	size_t host = bracket ? bracket_span(s) : span(s, OCTET_HOST);

	if (bracket && host == 0)
		return false;
	return host == s.len || (s.ptr[host] == ':' &&
	    port_ok((struct slice){ s.ptr + host + 1, s.len - host - 1 }));
}

/* The target names the host: what a Host field says does not count (RFC 9112 section 3.2.2),
 * and what the application sees there is the target's. */
static enum hx_refusal
host_replace(struct hx_exchange *x, struct slice authority)
{
	struct hx_request *req = &x->req;

	if (req->first[HX_HOST] >= 0) {
		req->headers[req->first[HX_HOST]].value = authority;
		return HX_ACCEPTED;
	}
	if (req->n_headers == req->headers_room && hx_exchange_headers_grow(x) < 0)
		return HX_REFUSE_no_memory;
	req->headers[req->n_headers++] = (struct hx_header){ SLICE_LIT("host"), authority };
	return HX_ACCEPTED;
}

/* Take http://authority off the target, which begins with it (RFC 9112 section 3.2.2). */
static enum hx_refusal
absolute_form(struct hx_exchange *x, struct slice *rest)
{
	struct slice t = *rest, authority;
	size_t skip, n = 0;

	if (t.len > 7 && slice_equal_lower((struct slice){ t.ptr, 7 }, SLICE_LIT("http://")))
		skip = 7;
	else if (t.len > 8 &&
	    slice_equal_lower((struct slice){ t.ptr, 8 }, SLICE_LIT("https://")))
		skip = 8;
	else
		return HX_REFUSE_bad_target;
	while (skip + n < t.len && t.ptr[skip + n] != '/' && t.ptr[skip + n] != '?')
		n++;
	authority = (struct slice){ t.ptr + skip, n };
	/* RFC 9110 section 4.2.1: a URI without a host is invalid. */
	if (n == 0 || *authority.ptr == ':' || !host_ok(authority))
		return HX_REFUSE_bad_host;
	*rest = (struct slice){ authority.ptr + n, t.len - skip - n };
	return host_replace(x, authority);
}

/* Leave the target's fragment off, which a client should not send and uvicorn drops. Behind
 * a path it is refused: a proxy may have taken it for part of the path (CVE-2023-45539).
 * False: the target has a byte that none may have. */
static bool
fragment_cut(struct slice *t)
{
	size_t n = span(*t, OCTET_TARGET);

	if (n < t->len && (span((struct slice){ t->ptr + n, t->len - n }, OCTET_FRAGMENT) !=
	    t->len - n || memchr(t->ptr, '?', n) == NULL))
		return false;
	t->len = n;
	return n > 0;
}

static enum hx_refusal
target_split(struct hx_exchange *x)
{
	struct hx_request *req = &x->req;
	struct slice rest = req->target;
	enum hx_refusal why;
	const char *mark;

	if (!fragment_cut(&rest))
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

/* The codings of all Transfer-Encoding fields. Content ends by the last coding: without
 * `chunked` there it has no end (RFC 9112 section 6.3). Other codings before it are not
 * supported (section 6.1). */
static enum hx_refusal
codings_read(const struct hx_request *req)
{
	unsigned members = 0, chunked = 0;
	bool empty = false, last = false;

	for (unsigned i = 0; i < req->n_headers; i++) {
		struct slice rest = req->headers[i].value, member;

		if (!slice_equal(req->headers[i].name, SLICE_LIT("transfer-encoding")))
			continue;
		while (hx_field_member_next(&rest, &member)) {
			last = slice_equal_lower(member, SLICE_LIT("chunked"));
			chunked += last;
			empty |= member.len == 0;
			members++;
		}
	}
	if (!last || chunked > 1 || empty)
		return HX_REFUSE_bad_coding;
	return members == 1 ? HX_ACCEPTED : HX_REFUSE_unknown_coding;
}

static enum hx_refusal
framing_read(struct hx_exchange *x)
{
	struct hx_request *req = &x->req;
	enum hx_refusal why = length_read(x);

	if (why != HX_ACCEPTED || req->count[HX_TRANSFER_ENCODING] == 0)
		return why;
	if (req->count[HX_CONTENT_LENGTH] > 0)
		return HX_REFUSE_length_and_coding;
	if (req->h1.minor == 0)
		return HX_REFUSE_coding_in_10;
	why = codings_read(req);
	req->h1.chunked = why == HX_ACCEPTED;
	return why;
}

/* Does the client wait for 100 Continue? Another expectation may be ignored (RFC 9110
 * section 10.1.1), and is, as by uvicorn. */
static bool
expects_continue(const struct hx_request *req)
{
	for (unsigned i = 0; req->count[HX_EXPECT] > 0 && i < req->n_headers; i++)
		if (slice_equal(req->headers[i].name, SLICE_LIT("expect")) &&
		    slice_equal_lower(req->headers[i].value, SLICE_LIT("100-continue")))
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
	/* RFC 9112 section 3.2: 1.1 requires exactly one Host. */
	if (req->count[HX_HOST] > 1 || (req->h1.minor == 1 && host.ptr == NULL) ||
	    !host_ok(host))
		return HX_REFUSE_bad_host;
	why = target_split(x);
	if (why == HX_ACCEPTED)
		why = framing_read(x);
	x->params = arena_alloc(&x->arena, HX_MAX_PARAMS * sizeof(*x->params));
	if (why == HX_ACCEPTED && x->params == NULL)
		why = HX_REFUSE_no_memory;
	/* An expectation of HTTP/1.0 means nothing (RFC 9110 section 10.1.1), and uvicorn never
	 * keeps such a connection. */
	req->expect_continue = req->h1.minor == 1 && expects_continue(req);
	/* RFC 9112 section 9.6: any Connection field may say "close". */
	req->h1.keep_alive = req->h1.minor == 1 &&
	    !hx_exchange_has_token(x, HX_CONNECTION, SLICE_LIT("close"));
	return why;
}
