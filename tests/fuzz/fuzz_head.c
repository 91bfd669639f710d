/*
 * fuzz_head: parser and policy over hostile heads.
 *
 * Promises: the verdict, and when it comes, does not depend on how the bytes are cut; a
 * slice of the request lies in the input or the arena; the path is UTF-8; what is accepted,
 * http-parser reads with the same method, version, target and fields.
 */
#include <http_parser.h>
#include <stdlib.h>

#include "base/must.h"
#include "http/field.h"
#include "http/parse.h"
#include "shm/method.h"
#include "tests/fuzz/target.h"

enum { FEW = 256 };	/* shorter inputs are cut at every byte */

static const struct hx_limits limits = {
	.line = 512, .field = 512, .fields = 20, .head = 2048
};

struct reading {
	struct hx_exchange x;
	char *bytes;
	int used;
	enum hx_refusal why;
};

/* Let `first` bytes arrive and then all of them, in the same place or in another. */
static void
reading_open(struct reading *r, const uint8_t *data, size_t size, size_t first, bool move)
{
	size_t scanned = 0;

	hx_exchange_init(&r->x, NULL, NULL);
	r->bytes = malloc(size > 0 ? size : 1);
	must(r->bytes != NULL);
	r->used = 0;
	if (first > 0) {
		char *part = move ? malloc(first) : r->bytes;

		must(part != NULL);
		memcpy(part, data, first);
		r->used = hx_parse_head(&r->x, part, first, &scanned, &limits, &r->why);
		if (move)
			free(part);
		must(scanned <= first);
		/* Complete already: the rest is not its business; read it afresh. */
		scanned = r->used > 0 ? 0 : scanned;
	}
	/* In place names are in lower case already, as far as lines were read. */
	if (move || r->used > 0)
		first = 0;
	memcpy(r->bytes + first, data + first, size - first);
	if (r->used >= 0)
		r->used = hx_parse_head(&r->x, r->bytes, size, &scanned, &limits, &r->why);
	must(r->used <= (int)size);
	must((r->used < 0) == (r->why != HX_ACCEPTED));
}

static void
reading_close(struct reading *r)
{
	hx_exchange_fini(&r->x);
	free(r->bytes);
}

static void
compare(const struct reading *whole, const struct reading *cut)
{
	must(cut->used == whole->used);
	must(cut->why == whole->why);
	if (whole->used <= 0)
		return;
	must(cut->x.req.method == whole->x.req.method);
	must(cut->x.req.h1.keep_alive == whole->x.req.h1.keep_alive);
	must(cut->x.req.h1.chunked == whole->x.req.h1.chunked);
	must(cut->x.req.content_length == whole->x.req.content_length);
	must(cut->x.req.n_headers == whole->x.req.n_headers);
	must(slice_equal(cut->x.req.path, whole->x.req.path));
	must(slice_equal(cut->x.req.query, whole->x.req.query));
	for (unsigned i = 0; i < whole->x.req.n_headers; i++) {
		must(slice_equal(cut->x.req.headers[i].name, whole->x.req.headers[i].name));
		must(slice_equal(cut->x.req.headers[i].value, whole->x.req.headers[i].value));
	}
}

/* What http-parser tells of the same bytes. */
struct told {
	const struct hx_request *req;
	unsigned fields, values;
};

static int
on_url(http_parser *p, const char *at, size_t len)
{
	struct told *t = p->data;

	must(slice_equal(t->req->target, (struct slice){ at, len }));
	return 0;
}

static int
on_field(http_parser *p, const char *at, size_t len)
{
	struct told *t = p->data;

	must(t->fields < t->req->n_headers && t->fields == t->values);
	must(slice_equal_lower((struct slice){ at, len }, t->req->headers[t->fields++].name));
	return 0;
}

static int
on_value(http_parser *p, const char *at, size_t len)
{
	struct told *t = p->data;

	must(++t->values == t->fields);
	while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t'))
		len--;
	/* The Host is the target's, when that names one. */
	must(slice_equal(t->req->headers[t->values - 1].value, (struct slice){ at, len }) ||
	    (*t->req->target.ptr != '/' && t->req->first[HX_HOST] == (int)t->values - 1));
	return 0;
}

static int
on_headers_complete(http_parser *p)
{
	(void)p;
	return 2;
}

static void
agree_with_http_parser(const struct reading *r)
{
	static const http_parser_settings settings = {
		.on_url = on_url, .on_header_field = on_field, .on_header_value = on_value,
		.on_headers_complete = on_headers_complete,
	};
	struct told t = { .req = &r->x.req };
	http_parser parser;
	size_t n;

	http_parser_init(&parser, HTTP_REQUEST);
	parser.data = &t;
	n = http_parser_execute(&parser, &settings, r->bytes, (size_t)r->used);
	if (HTTP_PARSER_ERRNO(&parser) == HPE_INVALID_METHOD) {
		must(r->x.req.method >= SHM_METHOD_QUERY);
		return;
	}
	/* It knows no tab behind a length; RFC 9110 section 5.5 does. */
	if (HTTP_PARSER_ERRNO(&parser) == HPE_INVALID_CONTENT_LENGTH)
		return;
	must(HTTP_PARSER_ERRNO(&parser) == HPE_OK && n == (size_t)r->used);
	must(t.values == r->x.req.n_headers || (*r->x.req.target.ptr != '/' &&
	    r->x.req.count[HX_HOST] == 0 && t.values + 1 == r->x.req.n_headers));
	must(parser.method == r->x.req.method);
	must(shm_method_is(r->x.req.method, r->x.req.method_name));
	must(parser.http_major == 1 && !parser.http_minor == !r->x.req.h1.minor);
	must(r->x.req.h1.minor == 0 || !r->x.req.h1.keep_alive == !http_should_keep_alive(&parser));
}

static bool
inside(const struct reading *r, struct slice s)
{
	return s.len == 0 || (s.ptr >= r->bytes && s.ptr + s.len <= r->bytes + r->used);
}

static void
check_request(const struct reading *r)
{
	const struct hx_request *req = &r->x.req;

	must(inside(r, req->method_name) && inside(r, req->target) && inside(r, req->query));
	must(inside(r, req->raw_path) || slice_equal(req->raw_path, SLICE_LIT("/")));
	must(hx_field_is_token(req->method_name) && req->method_name.len <= 64);
	must(req->path.len > 0 && (*req->path.ptr == '/' || *req->path.ptr == '*'));
	must(memchr(req->raw_path.ptr, '#', req->raw_path.len) == NULL);
	/* The target may have brought a Host. */
	must(req->n_headers <= limits.fields + 1);
	for (unsigned i = 0; i < req->n_headers; i++) {
		must(inside(r, req->headers[i].name) || i == limits.fields ||
		    slice_equal(req->headers[i].name, SLICE_LIT("host")));
		must(inside(r, req->headers[i].value));
		must(hx_field_is_token(req->headers[i].name));
		must(hx_field_value_ok(req->headers[i].value));
	}
	for (int k = 0; k < HX_KNOWN_COUNT; k++)
		must((req->first[k] >= 0) == (req->count[k] > 0) &&
		    req->first[k] < (int)req->n_headers);
	must(!req->h1.chunked || req->content_length == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reading whole, cut;
	size_t step = size < FEW ? 1 : size / 64;

	reading_open(&whole, data, size, 0, false);
	if (whole.used > 0) {
		check_request(&whole);
		agree_with_http_parser(&whole);
	}
	for (size_t first = 1; first < size; first += step) {
		for (int move = 0; move < 2; move++) {
			reading_open(&cut, data, size, first, move == 1);
			compare(&whole, &cut);
			reading_close(&cut);
		}
	}
	reading_close(&whole);
	return 0;
}
