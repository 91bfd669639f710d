/*
 * fuzz_framing: content of hostile length and chunks.
 *
 * The first byte chooses: chunked when odd, else that many bytes of content.
 * Promises: content, verdict and bytes used do not depend on how the bytes are
 * cut; content is never longer than what came; nothing is read behind the end.
 */
#include <stdlib.h>

#include "base/must.h"
#include "http/framing.h"
#include "tests/fuzz/target.h"

enum { FEW = 256 };

static const struct hx_limits limits = {
	.line = 512, .field = 512, .fields = 20, .head = 2048
};

struct outcome {
	enum hx_framing_result result;
	enum hx_refusal why;
	size_t used, len;
	char *content;
};

/* Feed one piece. False: the verdict is final. */
static bool
feed(struct hx_framing *f, char *piece, size_t len, struct outcome *o)
{
	for (size_t at = 0;;) {
		struct slice data = SLICE_NULL;
		size_t used = 0;

		o->result = hx_framing_feed(f, piece + at, len - at, &used, &data, &o->why);
		must(used <= len - at);
		if (o->result == HX_FRAMING_DATA) {
			must(data.len > 0 && data.len <= used);
			must(data.ptr >= piece + at && data.ptr + data.len <= piece + at + used);
			memcpy(o->content + o->len, data.ptr, data.len);
			o->len += data.len;
		}
		at += used;
		o->used += used;
		if (o->result == HX_FRAMING_MORE)
			must(at == len);
		if (o->result != HX_FRAMING_DATA)
			return o->result == HX_FRAMING_MORE;
	}
}

/* Two pieces; `first` 0: one byte at a time. */
static void
run(struct outcome *o, const struct hx_request *req, const uint8_t *data, size_t size,
    size_t first)
{
	struct hx_framing f;
	size_t at = 0;
	bool more = true;

	*o = (struct outcome){ .content = malloc(size + 1) };
	must(o->content != NULL);
	hx_framing_init(&f, req, &limits);
	while (more && at < size) {
		size_t n = first == 0 ? 1 : at == 0 ? first : size - at;
		char *piece = malloc(n);

		must(piece != NULL);
		memcpy(piece, data + at, n);
		more = feed(&f, piece, n, o);
		free(piece);
		at += n;
	}
}

static void
compare(const struct outcome *a, const struct outcome *b)
{
	must(a->result == b->result && a->why == b->why);
	must(a->result != HX_FRAMING_DONE || a->used == b->used);
	must(slice_equal((struct slice){ a->content, a->len }, (struct slice){ b->content, b->len }));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hx_request req = { .h1.chunked = false };
	struct outcome whole, cut;
	size_t step;

	if (size < 2)
		return 0;
	req.h1.chunked = (data[0] & 1) != 0;
	req.content_length = req.h1.chunked ? 0 : data[0];
	data++;
	size--;
	step = size < FEW ? 1 : size / 64;
	run(&whole, &req, data, size, size);
	must(whole.len <= size);
	must(req.h1.chunked || whole.result != HX_FRAMING_DONE || whole.len == req.content_length);
	for (size_t first = 0; first < size; first += step) {
		run(&cut, &req, data, size, first);
		compare(&whole, &cut);
		free(cut.content);
	}
	free(whole.content);
	return 0;
}
