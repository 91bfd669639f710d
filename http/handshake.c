/*
 * handshake: what must be in the head, and the answer to its key.
 *
 * Called by worker/conductor.c, and by bindings/websocket/ for the answer.
 */
#include "http/handshake.h"

#include <nettle/base64.h>
#include <nettle/sha1.h>

#include "base/must.h"

enum { KEY_BYTES = 24 };	/* in base64, of 16 bytes */

/* The one field of this name; `ptr` is NULL when there is none, or more than one. */
static struct slice
only(const struct hx_exchange *x, struct slice name)
{
	const struct hx_header *fields = x->req.headers;
	struct slice value = SLICE_NULL;
	unsigned n = 0;

	for (unsigned i = 0; i < x->req.n_headers; i++)
		if (slice_equal(fields[i].name, name)) {
			value = fields[i].value;
			n++;
		}
	return n == 1 ? value : SLICE_NULL;
}

bool
hx_handshake_is_asked(const struct hx_exchange *x)
{
	return x->req.first[HX_UPGRADE] >= 0 && x->req.h1.minor > 0 &&
	    slice_equal(x->req.method_name, SLICE_LIT("GET")) &&
	    slice_equal_lower(hx_exchange_known(x, HX_UPGRADE), SLICE_LIT("websocket")) &&
	    hx_exchange_has_token(x, HX_CONNECTION, SLICE_LIT("upgrade"));
}

/* Base64 of 16 bytes? */
static bool
key_is_valid(struct slice key)
{
	struct base64_decode_ctx ctx;
	uint8_t bytes[BASE64_DECODE_LENGTH(KEY_BYTES)];
	size_t n = sizeof(bytes);

	if (key.len != KEY_BYTES)
		return false;
	base64_decode_init(&ctx);
	return base64_decode_update(&ctx, &n, bytes, key.len, key.ptr) &&
	    base64_decode_final(&ctx) && n == 16;
}

enum hx_refusal
hx_handshake_check(const struct hx_exchange *x)
{
	if (x->req.content_length > 0 || x->req.h1.chunked)
		return HX_REFUSE_websocket_content;
	if (!slice_equal(only(x, SLICE_LIT("sec-websocket-version")), SLICE_LIT("13")))
		return HX_REFUSE_websocket_version;
	if (!key_is_valid(only(x, SLICE_LIT("sec-websocket-key"))))
		return HX_REFUSE_websocket_key;
	return HX_ACCEPTED;
}

void
hx_handshake_answer(const struct hx_exchange *x, char out[HX_HANDSHAKE_ANSWER_BYTES])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	struct slice key = only(x, SLICE_LIT("sec-websocket-key"));
	uint8_t digest[SHA1_DIGEST_SIZE];
	struct sha1_ctx ctx;

	_Static_assert(BASE64_ENCODE_RAW_LENGTH(SHA1_DIGEST_SIZE) == HX_HANDSHAKE_ANSWER_BYTES,
	    "the answer's length");
	must(key.len == KEY_BYTES);
	sha1_init(&ctx);
	sha1_update(&ctx, key.len, (const uint8_t *)key.ptr);
	sha1_update(&ctx, sizeof(guid) - 1, (const uint8_t *)guid);
	sha1_digest(&ctx, sizeof(digest), digest);
	base64_encode_raw(out, sizeof(digest), digest);
}
