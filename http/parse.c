/*
 * parse: one head, line by line.
 *
 * Called by worker/. http-parser reads the request line; its reading of the target
 * must agree with ours. It does not read the field lines: that would cost as much as
 * everything else together, and we would have to find each of its leniencies. Each line is
 * read and judged when it is there whole, so the verdict, and when it comes, depend on the
 * bytes alone, not on how they were cut into packets. Every line is read once, unless the
 * bytes were moved.
 */
#include "http/parse.h"

#include <http_parser.h>

#include "base/decimal.h"
#include "base/must.h"
#include "http/field.h"
#include "shm/method.h"

enum {
	VERSION_BYTES = 9,	/* " HTTP/1.1" */
	METHOD_BYTES = 64
};

static int
on_url(http_parser *p, const char *at, size_t len)
{
	*(struct slice *)p->data = (struct slice){ at, len };
	return 0;
}

static const http_parser_settings settings = { .on_url = on_url };

/* Read the version at the end of the request line. A minor version above 1 is served as 1.1
 * (RFC 9110 section 2.5). */
static enum hx_refusal
version_read(struct hx_request *req, const char *version)
{
	if (memcmp(version, " HTTP/", 6) != 0 || !decimal_digit(version[6]) || version[7] != '.' ||
	    !decimal_digit(version[8]))
		return HX_REFUSE_bad_request_line;
	if (version[6] != '1')
		return HX_REFUSE_bad_version;
	req->h1.minor = version[8] == '0' ? 0 : 1;
	return HX_ACCEPTED;
}

/* Does http-parser, too, find the target in the line, which ends at `end`? Sets the
 * method's number. A line whose method http-parser does not know is given to it as a GET's:
 * any token is a method (RFC 9110 section 9.1). */
static bool
parser_agrees(struct hx_request *req, const char *line, const char *end)
{
	struct slice seen = SLICE_NULL;
	http_parser parser;

	http_parser_init(&parser, HTTP_REQUEST);
	parser.data = &seen;
	http_parser_execute(&parser, &settings, line, (size_t)(end - line));
	req->method = (hx_method)parser.method;
	if (HTTP_PARSER_ERRNO(&parser) == HPE_INVALID_METHOD ||
	    !shm_method_is(req->method, req->method_name)) {
		req->method = (hx_method)shm_method_number(req->method_name);
		http_parser_init(&parser, HTTP_REQUEST);
		http_parser_execute(&parser, &settings, "GET ", 4);
		http_parser_execute(&parser, &settings, req->target.ptr,
		    (size_t)(end - req->target.ptr));
	}
	return HTTP_PARSER_ERRNO(&parser) == HPE_OK && seen.ptr == req->target.ptr &&
	    seen.len == req->target.len;
}

/* Method, one blank, target, one blank, version (RFC 9112 section 3). */
static enum hx_refusal
request_line_read(struct hx_request *req, const char *line, const char *cr)
{
	size_t method = hx_field_token_len((struct slice){ line, (size_t)(cr - line) });
	const char *version = cr - VERSION_BYTES;
	enum hx_refusal why;

	if (method > METHOD_BYTES)
		return HX_REFUSE_bad_method;
	if (cr - line <= VERSION_BYTES)
		return HX_REFUSE_bad_request_line;
	if ((why = version_read(req, version)) != HX_ACCEPTED)
		return why;
	if (method == 0 || line + method >= version || line[method] != ' ')
		return HX_REFUSE_bad_request_line;
	req->method_name = (struct slice){ line, method };
	req->target = (struct slice){ line + method + 1, (size_t)(version - line) - method - 1 };
	/* Its target has a form of its own, which http-parser and the policy need not read. */
	if (slice_equal(req->method_name, SLICE_LIT("CONNECT")))
		return HX_REFUSE_connect;
	return parser_agrees(req, line, cr + 2) ? HX_ACCEPTED : HX_REFUSE_bad_request_line;
}

/* Which known field has this name; -1: none. */
static int
known_find(struct slice name)
{
	switch (name.len) {
	case 4:
		return memcmp(name.ptr, "host", 4) == 0 ? HX_HOST : -1;
	case 6:
		return memcmp(name.ptr, "expect", 6) == 0 ? HX_EXPECT : -1;
	case 7:
		return memcmp(name.ptr, "upgrade", 7) == 0 ? HX_UPGRADE : -1;
	case 10:
		return memcmp(name.ptr, "connection", 10) == 0 ? HX_CONNECTION : -1;
	case 14:
		return memcmp(name.ptr, "content-length", 14) == 0 ? HX_CONTENT_LENGTH : -1;
	case 15:
		return memcmp(name.ptr, "x-forwarded-for", 15) == 0 ? HX_X_FORWARDED_FOR : -1;
	case 17:
		if (memcmp(name.ptr, "x-forwarded-proto", 17) == 0)
			return HX_X_FORWARDED_PROTO;
		return memcmp(name.ptr, "transfer-encoding", 17) == 0 ?
		    HX_TRANSFER_ENCODING : -1;
	default:
		return -1;
	}
}

static enum hx_refusal
field_add(struct hx_exchange *x, char *line, char *cr, const struct hx_limits *limits)
{
	struct hx_request *req = &x->req;
	enum hx_refusal why;
	unsigned at = req->n_headers;
	int known;

	if (at == limits->fields)
		return HX_REFUSE_too_many_fields;
	if (at == req->headers_room && hx_exchange_headers_grow(x) < 0)
		return HX_REFUSE_no_memory;
	why = hx_field_read(line, cr, &req->headers[at]);
	if (why != HX_ACCEPTED)
		return why;
	known = known_find(req->headers[at].name);
	if (known >= 0 && req->count[known]++ == 0)
		req->first[known] = (int16_t)at;
	req->n_headers++;
	return HX_ACCEPTED;
}

/* The CR at the end of the line at `p`, of which the bytes before `from` were searched. A
 * line that is too long is refused as soon as that is certain. The search ends at the limit:
 * the verdict must not depend on how many bytes have arrived. */
static char *
line_end(char *p, char *from, char *end, size_t limit, enum hx_refusal too_long,
    enum hx_refusal *why)
{
	size_t len = (size_t)(end - p);
	bool over = len > limit && p[limit] != '\r';
	char *cr;

	if (len > limit)
		len = over ? limit + 1 : len > limit + 2 ? limit + 2 : len;
	cr = hx_field_line_end(from, p + len, why);
	if (over && cr == NULL && *why == HX_ACCEPTED)
		*why = too_long;
	return cr;
}

/* The same for the request line. A method that is too long goes before all that may be wrong
 * behind it, and is certain before the line ends. */
static char *
request_line_end(char *line, char *from, char *end, size_t limit, enum hx_refusal *why)
{
	char *cr = line_end(line, from, end, limit, HX_REFUSE_line_too_long, why);

	if (cr == NULL && end - line > METHOD_BYTES &&
	    hx_field_token_len((struct slice){ line, METHOD_BYTES + 1 }) > METHOD_BYTES)
		*why = HX_REFUSE_bad_method;
	return cr;
}

/* Find the end of the next line; NULL when it has not arrived or is refused (*why). */
static char *
next_line_end(const struct hx_request *req, char *line, char *from, char *end,
    const struct hx_limits *limits, enum hx_refusal *why)
{
	if (from < line)
		from = line;
	if (req->h1.has_line)
		return line_end(line, from, end, limits->field, HX_REFUSE_field_too_long, why);
	return request_line_end(line, from, end, limits->line, why);
}

/* Read the lines of the head in `buf` that have arrived whole, up to `end`; those before
 * h1.read were read. True: the head is complete and accepted. Else it is refused (*why) or
 * incomplete. */
static bool
lines_read(struct hx_exchange *x, char *buf, char *from, char *end,
    const struct hx_limits *limits, enum hx_refusal *why)
{
	struct hx_request *req = &x->req;
	char *line = buf + req->h1.read, *cr;

	while ((cr = next_line_end(req, line, from, end, limits, why)) != NULL) {
		req->h1.read = (size_t)(cr + 2 - buf);
		if (!req->h1.has_line) {
			*why = request_line_read(req, line, cr);
			req->h1.has_line = true;
		} else if (cr > line) {
			*why = field_add(x, line, cr, limits);
		} else {
			*why = hx_policy_request(x);
			return *why == HX_ACCEPTED;
		}
		if (*why != HX_ACCEPTED)
			return false;
		line = cr + 2;
	}
	return false;
}

int
hx_parse_head(struct hx_exchange *x, char *buf, size_t len, size_t *scanned,
    const struct hx_limits *limits, enum hx_refusal *why)
{
	size_t skip = len >= 2 && buf[0] == '\r' && buf[1] == '\n' ? 2 : 0;
	struct hx_request *req = &x->req;
	bool over = len - skip > limits->head;
	char *from;

	must(*scanned <= len && limits->fields <= HX_MAX_HEADERS);
	*why = HX_ACCEPTED;
	if (len == 0)
		return 0;
	if (*scanned == 0 || req->h1.head != buf) {
		hx_exchange_request_clear(req);
		req->h1.head = buf;
		*scanned = 0;
	}
	if (req->h1.read == 0)
		req->h1.read = skip;
	/* The last byte is searched again: it may be the CR of a CRLF. */
	from = buf + (*scanned > 0 ? *scanned - 1 : 0);
	*scanned = len;
	if (lines_read(x, buf, from, buf + (over ? skip + limits->head : len), limits, why))
		return (int)req->h1.read;
	if (*why == HX_ACCEPTED && over)
		*why = req->h1.has_line ? HX_REFUSE_head_too_large : HX_REFUSE_line_too_long;
	return *why != HX_ACCEPTED ? -1 : 0;
}
