/*
 * fuzz_http_content: chunked content of any bytes, whole and in pieces.
 *
 * The first byte is the length of the pieces. Result, content and the place
 * where the next request begins must not depend on it.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/must.h"
#include "http/framing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct content {
	enum hx_framing_result result;
	const struct hx_refusal *why;
	char *bytes;
	size_t len;
	size_t used;
};

static void
content_read(struct content *c, const uint8_t *bytes, size_t len, size_t step)
{
	struct hx_request req = { .chunked = true };
	struct hx_framing f;
	char *buf = malloc(step);

	*c = (struct content){ .result = HX_FRAMING_MORE, .bytes = malloc(len + 1) };
	must(buf != NULL && c->bytes != NULL);
	hx_framing_init(&f, &req);
	while (c->result == HX_FRAMING_MORE || c->result == HX_FRAMING_DATA) {
		size_t n = len - c->used < step ? len - c->used : step, used = 0;
		struct slice data = SLICE_NULL;

		memcpy(buf, bytes + c->used, n);
		c->result = hx_framing_feed(&f, buf, n, &used, &data, &c->why);
		must(used <= n);
		c->used += used;
		if (c->result == HX_FRAMING_DATA) {
			must(data.len > 0 && data.ptr >= buf && data.ptr + data.len <= buf + n);
			memcpy(c->bytes + c->len, data.ptr, data.len);
			c->len += data.len;
		} else if (c->result == HX_FRAMING_MORE) {
			must(used == n);
			if (c->used == len)
				break;
		}
	}
	must((c->result == HX_FRAMING_REFUSED) == (c->why != NULL));
	free(buf);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct content whole, parts;

	if (size == 0)
		return 0;
	content_read(&whole, data + 1, size - 1, size);
	content_read(&parts, data + 1, size - 1, 1 + (size_t)data[0]);
	must(whole.result == parts.result && whole.why == parts.why);
	must(whole.used == parts.used && whole.len == parts.len);
	must(memcmp(whole.bytes, parts.bytes, whole.len) == 0);
	free(whole.bytes);
	free(parts.bytes);
	return 0;
}
