/*
 * fuzz_http_head: heads of any bytes, cut anywhere.
 *
 * The first byte says where the rest is cut. The verdict must be that of the
 * whole (a head that is wrong but not complete may be refused only when it is),
 * and a head that is taken must keep what http/exchange.h promises:
 * slices inside the bytes or the arena, valid UTF-8, one framing.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/must.h"
#include "http/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct head {
	struct hx_exchange x;
	char *buf;
	size_t len;
	int used;
	const struct hx_refusal *why;
};

/* Read the bytes, first up to `cut`, then all. */
static void
head_read(struct head *h, const uint8_t *bytes, size_t len, size_t cut)
{
	size_t scanned = 0;

	must(hx_exchange_init(&h->x, NULL, NULL) == 0);
	h->buf = malloc(len > 0 ? len : 1);
	must(h->buf != NULL);
	memcpy(h->buf, bytes, len);
	h->len = len;
	h->why = NULL;
	h->used = cut > 0 ? hx_parse_head(&h->x, h->buf, cut, &scanned, &hx_limits_default,
	    &h->why) : 0;
	if (h->used == 0)
		h->used = hx_parse_head(&h->x, h->buf, len, &scanned, &hx_limits_default,
		    &h->why);
	must((h->used < 0) == (h->why != NULL));
	must(h->used <= (int)len);
}

static void
head_free(struct head *h)
{
	hx_exchange_fini(&h->x);
	free(h->buf);
}

static bool
inside(const struct head *h, struct slice s)
{
	return s.ptr >= h->buf && s.ptr + s.len <= h->buf + h->used;
}

static void
fields_check(const struct head *h)
{
	const struct hx_request *req = &h->x.req;

	must(req->n_headers <= HX_MAX_HEADERS);
	for (unsigned i = 0; i < req->n_headers; i++) {
		must(inside(h, req->headers[i].name) && inside(h, req->headers[i].value));
		must(hx_policy_token(req->headers[i].name));
		must(hx_policy_value(req->headers[i].value));
		for (size_t j = 0; j < req->headers[i].name.len; j++) {
			char c = req->headers[i].name.ptr[j];

			must(c < 'A' || c > 'Z');
		}
	}
}

static void
request_check(const struct head *h)
{
	const struct hx_request *req = &h->x.req;

	fields_check(h);
	must(inside(h, req->target) && req->minor <= 1 && req->method < 64);
	must(req->query.len == 0 || inside(h, req->query));
	must(req->path.len > 0 && memchr(req->path.ptr, '\0', req->path.len) == NULL);
	must(!(req->chunked && (req->count[HX_CONTENT_LENGTH] > 0 || req->minor == 0)));
	must(req->count[HX_CONTENT_LENGTH] <= 1 && req->count[HX_TRANSFER_ENCODING] <= 1);
	must(req->count[HX_HOST] == 1 || req->minor == 0);
	must(req->chunked == (req->count[HX_TRANSFER_ENCODING] == 1));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct head whole, parts;
	size_t cut;

	if (size == 0)
		return 0;
	cut = size > 1 ? data[0] % size : 0;
	head_read(&whole, data + 1, size - 1, 0);
	head_read(&parts, data + 1, size - 1, cut);
	if (parts.used != 0 || whole.used > 0)
		must(whole.used == parts.used && whole.why == parts.why);
	if (whole.used > 0)
		request_check(&whole);
	head_free(&whole);
	head_free(&parts);
	return 0;
}
