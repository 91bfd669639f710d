/*
 * http_fixture: see http_fixture.h. Every piece is given to the parser in a
 * fresh allocation of exactly its size, so that AddressSanitizer sees reads
 * beyond the bytes that have arrived and slices that outlive a move.
 */
#include "tests/unit/http_fixture.h"

#include <stdlib.h>

#include "base/must.h"
#include "tests/unit/http_limits.h"

const char *
refusal_name(enum hx_refusal why)
{
	static const char *const names[HX_REFUSAL_END] = {
#define REFUSAL(name, status, text) [HX_REFUSE_##name] = #name,
#include "http/refusal.def"
#undef REFUSAL
	};

	must(why > HX_ACCEPTED && why < HX_REFUSAL_END);
	return names[why];
}

static const char *
verdict_of(int used, enum hx_refusal why)
{
	return used > 0 ? "ok" : used == 0 ? "more" : refusal_name(why);
}

void
head_open(struct head *h, struct slice bytes, const struct hx_limits *limits)
{
	enum hx_refusal why = HX_ACCEPTED;
	size_t scanned = 0;

	hx_exchange_init(&h->x, NULL, NULL);
	h->bytes = malloc(bytes.len > 0 ? bytes.len : 1);
	must(h->bytes != NULL);
	memcpy(h->bytes, bytes.ptr, bytes.len);
	h->used = hx_parse_head(&h->x, h->bytes, bytes.len, &scanned, limits, &why);
	h->verdict = verdict_of(h->used, why);
}

void
head_close(struct head *h)
{
	hx_exchange_fini(&h->x);
	free(h->bytes);
}

/* As verdict_cut(), but bytes are added in place. Those that have not arrived are bad, so that a
 * read of them shows. */
static const char *
verdict_in_place(struct slice bytes, const size_t *ends, size_t n,
    const struct hx_limits *limits)
{
	enum hx_refusal why = HX_ACCEPTED;
	char *buf = malloc(bytes.len > 0 ? bytes.len : 1);
	struct hx_exchange x;
	size_t scanned = 0, had = 0;
	int used = 0;

	must(buf != NULL);
	memset(buf, 1, bytes.len);
	hx_exchange_init(&x, NULL, NULL);
	for (size_t i = 0; i < n && used == 0; i++) {
		memcpy(buf + had, bytes.ptr + had, ends[i] - had);
		had = ends[i];
		used = hx_parse_head(&x, buf, had, &scanned, limits, &why);
	}
	hx_exchange_fini(&x);
	free(buf);
	return verdict_of(used, why);
}

/* Let the bytes arrive up to each of the `n` ends, the last being all. */
static const char *
verdict_cut(struct slice bytes, const size_t *ends, size_t n, const struct hx_limits *limits)
{
	enum hx_refusal why = HX_ACCEPTED;
	struct hx_exchange x;
	char *buf = NULL;
	size_t scanned = 0;
	int used = 0;

	hx_exchange_init(&x, NULL, NULL);
	for (size_t i = 0; i < n && used == 0; i++) {
		size_t had = i > 0 ? ends[i - 1] : 0;
		char *moved = malloc(ends[i] > 0 ? ends[i] : 1);

		must(moved != NULL);
		if (had > 0)
			memcpy(moved, buf, had);
		memcpy(moved + had, bytes.ptr + had, ends[i] - had);
		free(buf);
		buf = moved;
		used = hx_parse_head(&x, buf, ends[i], &scanned, limits, &why);
	}
	hx_exchange_fini(&x);
	free(buf);
	if (strcmp(verdict_of(used, why), verdict_in_place(bytes, ends, n, limits)) != 0)
		return "DIFFERS";
	return verdict_of(used, why);
}

const char *
head_verdict_limited(struct slice bytes, const struct hx_limits *limits)
{
	size_t *ends = malloc((bytes.len + 1) * sizeof(*ends));
	const char *whole = verdict_cut(bytes, &bytes.len, 1, limits), *other;
	/* Long heads are cut at some points only, to stay quick. */
	size_t step = bytes.len > 2048 ? 509 : 1, n = 0;

	must(ends != NULL);
	for (size_t cut = 1; cut < bytes.len; cut += step) {
		size_t two[] = { cut, bytes.len };

		other = verdict_cut(bytes, two, 2, limits);
		if (strcmp(whole, other) != 0)
			goto differs;
	}
	for (size_t end = 1; end < bytes.len; end += step)
		ends[n++] = end;
	ends[n++] = bytes.len;
	other = verdict_cut(bytes, ends, n, limits);
	if (strcmp(whole, other) != 0)
		goto differs;
	free(ends);
	return whole;
differs:
	free(ends);
	return "DIFFERS";
}

const char *
head_verdict(struct slice bytes)
{
	return head_verdict_limited(bytes, &default_limits);
}

struct slice
head_field(const struct head *h, const char *name)
{
	for (unsigned i = 0; i < h->x.req.n_headers; i++)
		if (slice_equal(h->x.req.headers[i].name, (struct slice){ name, strlen(name) }))
			return h->x.req.headers[i].value;
	return SLICE_LIT("(none)");
}
