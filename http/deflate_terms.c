/*
 * deflate_terms: offers, one after the other.
 *
 * Called by worker/websocket/websocket.c. An offer that has a parameter which nobody knows, one
 * twice, or a value that it cannot have, is declined as section 7.1 says; the client may have
 * made another.
 */
#include "http/deflate_terms.h"

#include <stdio.h>

#include "http/field.h"

/* zlib makes no raw stream with a window of 2^8. */
enum { BITS_LEAST = 8, SERVER_BITS_LEAST = 9 };

/* Take what stands before the next `separator` from the front of *rest, without blanks around it. A
 * separator inside quotes is none. False at the end. */
static bool
take(struct slice *rest, char separator, struct slice *out)
{
	bool quoted = false;
	size_t n = 0;

	if (rest->ptr == NULL)
		return false;
	for (; n < rest->len && (quoted || rest->ptr[n] != separator); n++)
		quoted ^= rest->ptr[n] == '"';
	*out = hx_field_strip((struct slice){ rest->ptr, n });
	*rest = n < rest->len ? (struct slice){ rest->ptr + n + 1, rest->len - n - 1 } : SLICE_NULL;
	return true;
}

/* A number from `least` to 15, perhaps in quotes. 0: it is none. */
static unsigned
bits_read(struct slice value, unsigned least)
{
	unsigned bits = 0;

	if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"')
		value = (struct slice){ value.ptr + 1, value.len - 2 };
	if (value.len == 0 || value.len > 2 || value.ptr[0] == '0')
		return 0;
	for (size_t i = 0; i < value.len; i++) {
		if (value.ptr[i] < '0' || value.ptr[i] > '9')
			return 0;
		bits = bits * 10 + (unsigned)(value.ptr[i] - '0');
	}
	return bits >= least && bits <= HX_DEFLATE_BITS_MOST ? bits : 0;
}

/* One parameter. `seen` are those before it. False: the offer cannot be met. */
static bool
parameter_read(struct slice parameter, struct hx_deflate_terms *t, unsigned *seen)
{
	enum { SERVER_ANEW = 1, CLIENT_ANEW = 2, SERVER_BITS = 4, CLIENT_BITS = 8 };
	struct slice rest = parameter, name, value = SLICE_NULL;
	unsigned which, bits;

	if (!take(&rest, '=', &name))
		return false;
	if (rest.ptr != NULL)
		value = hx_field_strip(rest);
	if (slice_equal_lower(name, SLICE_LIT("server_no_context_takeover")))
		which = SERVER_ANEW;
	else if (slice_equal_lower(name, SLICE_LIT("client_no_context_takeover")))
		which = CLIENT_ANEW;
	else if (slice_equal_lower(name, SLICE_LIT("server_max_window_bits")))
		which = SERVER_BITS;
	else if (slice_equal_lower(name, SLICE_LIT("client_max_window_bits")))
		which = CLIENT_BITS;
	else
		return false;
	if ((*seen & which) != 0 || (which <= CLIENT_ANEW && rest.ptr != NULL))
		return false;
	*seen |= which;
	t->server_anew = t->server_anew || which == SERVER_ANEW;
	t->client_anew = t->client_anew || which == CLIENT_ANEW;
	if (which <= CLIENT_ANEW)
		return true;
	/* The client's window may be named without a value: any will do. */
	if (which == CLIENT_BITS && rest.ptr == NULL)
		bits = HX_DEFLATE_BITS;
	else
		bits = bits_read(value, which == SERVER_BITS ? SERVER_BITS_LEAST : BITS_LEAST);
	if (bits > HX_DEFLATE_BITS)
		bits = HX_DEFLATE_BITS;
	if (which == SERVER_BITS) {
		t->server_bits = bits;
	} else {
		t->client_bits = bits;
		t->client_bits_said = true;
	}
	return bits != 0;
}

static bool
offer_read(struct slice offer, struct hx_deflate_terms *t)
{
	struct slice part;
	unsigned seen = 0;

	if (!take(&offer, ';', &part) || !slice_equal_lower(part, SLICE_LIT("permessage-deflate")))
		return false;
	*t = (struct hx_deflate_terms){
		.server_bits = HX_DEFLATE_BITS, .client_bits = HX_DEFLATE_BITS_MOST,
	};
	while (take(&offer, ';', &part))
		if (!parameter_read(part, t, &seen))
			return false;
	return true;
}

bool
hx_deflate_terms_choose(const struct hx_exchange *x, struct hx_deflate_terms *out)
{
	for (unsigned i = 0; i < x->req.n_headers; i++) {
		struct slice rest = x->req.headers[i].value, offer;

		if (!slice_equal(x->req.headers[i].name, SLICE_LIT("sec-websocket-extensions")))
			continue;
		while (take(&rest, ',', &offer))
			if (offer_read(offer, out))
				return true;
	}
	return false;
}

size_t
hx_deflate_terms_write(char out[HX_DEFLATE_ANSWER_MOST], const struct hx_deflate_terms *t)
{
	char client[32] = "";

	if (t->client_bits_said)
		snprintf(client, sizeof(client), "; client_max_window_bits=%u", t->client_bits);
	return (size_t)snprintf(out, HX_DEFLATE_ANSWER_MOST,
	    "permessage-deflate%s%s; server_max_window_bits=%u%s",
	    t->server_anew ? "; server_no_context_takeover" : "",
	    t->client_anew ? "; client_no_context_takeover" : "", t->server_bits, client);
}
