/*
 * forwarded: the last scheme, and the last address that no trusted proxy has.
 *
 * Called by worker/ when a request begins. Each proxy appends the address that it got the
 * request from; what stands before an address that is not trusted may be anyone's
 * invention. No clause of an RFC stands behind it: applications are configured for
 * uvicorn's reading, also of what is malformed.
 */
#include "http/forwarded.h"

#include "base/decimal.h"
#include "http/field.h"

struct client {
	struct slice host;
	int64_t port;
};

/* As Python's int() reads a text: blanks around it, a sign, single underscores between
 * digits. False for what it refuses, and for more than DECIMAL_READ_MAX digits. */
static bool
int_read(struct slice s, int64_t *out)
{
	bool negative, digit = false;
	int64_t v = 0;
	size_t n = 0;

	s = hx_field_strip(s);
	negative = s.len > 0 && s.ptr[0] == '-';
	for (size_t i = s.len > 0 && (negative || s.ptr[0] == '+') ? 1 : 0; i < s.len; i++) {
		if (s.ptr[i] == '_' ? !digit : !decimal_digit(s.ptr[i]))
			return false;
		digit = s.ptr[i] != '_';
		if (digit && ++n > DECIMAL_READ_MAX)
			return false;
		if (digit)
			v = v * 10 + (s.ptr[i] - '0');
	}
	*out = negative ? -v : v;
	return digit;
}

/* "[host]:port", "[host]" */
static struct client
bracketed_read(struct slice s)
{
	const char *end = memchr(s.ptr, ']', s.len);
	struct client whole = { s, 0 }, c = whole;
	struct slice rest;

	if (end == NULL)
		return whole;
	c.host = (struct slice){ s.ptr + 1, (size_t)(end - s.ptr - 1) };
	rest = (struct slice){ end + 1, (size_t)(s.ptr + s.len - end - 1) };
	if (rest.len == 0)
		return c;
	if (rest.ptr[0] != ':')
		return whole;
	if (!int_read((struct slice){ rest.ptr + 1, rest.len - 1 }, &c.port))
		c.port = 0;
	return c;
}

/* One member of X-Forwarded-For, stripped: an address, with a port or without. */
static struct client
client_read(struct slice s)
{
	const char *colon = s.len > 0 ? memchr(s.ptr, ':', s.len) : NULL;
	struct client c = { s, 0 };
	size_t host;

	if (s.len > 0 && s.ptr[0] == '[')
		return bracketed_read(s);
	if (colon == NULL || memchr(colon + 1, ':', (size_t)(s.ptr + s.len - colon - 1)) != NULL)
		return c;
	host = (size_t)(colon - s.ptr);
	if (int_read((struct slice){ colon + 1, s.len - host - 1 }, &c.port))
		c.host.len = host;
	else
		c.port = 0;
	return c;
}

/* The last member of *value, which loses it; *more: is there another before it? */
static struct slice
last_take(struct slice *value, bool *more)
{
	size_t at = value->len;
	struct slice member;

	while (at > 0 && value->ptr[at - 1] != ',')
		at--;
	member = (struct slice){ value->ptr + at, value->len - at };
	*more = at > 0;
	value->len = at > 0 ? at - 1 : 0;
	return hx_field_strip(member);
}

/* The client by all fields of that name: the last member that is not trusted, else the
 * first of all. By "*" every member is trusted. */
static struct client
client_find(const struct hx_trust *t, const struct hx_request *req)
{
	struct client c = { SLICE_NULL, 0 };

	for (unsigned i = req->n_headers; i-- > (unsigned)req->first[HX_X_FORWARDED_FOR];) {
		struct slice value = req->headers[i].value;
		bool more = slice_equal(req->headers[i].name, SLICE_LIT("x-forwarded-for"));

		while (more) {
			c = client_read(last_take(&value, &more));
			if (!hx_trust_has(t, c.host))
				return c;
		}
	}
	return c;
}

/* The scheme that the last field of that name says; empty when it is none that a scope
 * has. */
static struct slice
scheme_find(const struct hx_request *req)
{
	static const struct slice schemes[] = {
		SLICE_LIT("http"), SLICE_LIT("https"), SLICE_LIT("ws"), SLICE_LIT("wss")
	};
	unsigned i = req->n_headers - 1;

	while (!slice_equal(req->headers[i].name, SLICE_LIT("x-forwarded-proto")))
		i--;
	for (size_t n = 0; n < sizeof(schemes) / sizeof(schemes[0]); n++)
		if (slice_equal(hx_field_strip(req->headers[i].value), schemes[n]))
			return schemes[n];
	return SLICE_NULL;
}

void
hx_forwarded_read(const struct hx_trust *t, struct hx_exchange *x)
{
	const struct hx_request *req = &x->req;
	bool proto = req->first[HX_X_FORWARDED_PROTO] >= 0;
	bool source = req->first[HX_X_FORWARDED_FOR] >= 0;
	struct slice scheme;
	struct client c;

	x->origin = x->peer;
	if ((!proto && !source) || !hx_trust_has(t, x->peer.host))
		return;
	if (proto && (scheme = scheme_find(req)).len > 0)
		x->origin.scheme = scheme;
	if (source && (c = client_find(t, req)).host.len > 0) {
		x->origin.host = c.host;
		x->origin.port = c.port;
	}
}
