/*
 * parse: one head, line by line.
 *
 * Called by worker/. http-parser reads the request line; its reading of the target
 * must agree with ours. It does not read the field lines: that would cost as much as
 * everything else together, and we would have to find each of its leniencies. The
 * verdict does not depend on how a head was cut into packets. A head that arrives in one
 * piece, as almost every one does, is read once.
 */
#include "http/parse.h"

#include <http_parser.h>

#include "base/decimal.h"
#include "base/must.h"
#include "http/field.h"

enum { VERSION_BYTES = 9 };	/* " HTTP/1.1" */

static int
on_url(http_parser *p, const char *at, size_t len)
{
	*(struct slice *)p->data = (struct slice){ at, len };
	return 0;
}

static const http_parser_settings settings = { .on_url = on_url };

/* Read the version at the end of the request line. It comes first because http-parser
 * would call the preface of HTTP/2 an unknown method. */
static enum hx_refusal
version_read(struct hx_request *req, const char *version)
{
	if (memcmp(version, " HTTP/", 6) != 0 || !decimal_digit(version[6]) || version[7] != '.' ||
	    !decimal_digit(version[8]))
		return HX_REFUSE_bad_request_line;
	if (version[6] != '1' || version[8] > '1')
		return HX_REFUSE_bad_version;
	req->h1.minor = (uint8_t)(version[8] - '0');
	return HX_ACCEPTED;
}

/* Method, one blank, target, one blank, version (RFC 9112 section 3). */
static enum hx_refusal
request_line_read(struct hx_request *req, const char *line, const char *cr)
{
	struct slice seen = SLICE_NULL;
	enum hx_refusal why;
	const char *blank, *version = cr - VERSION_BYTES;
	http_parser parser;

	if (cr - line <= VERSION_BYTES)
		return HX_REFUSE_bad_request_line;
	if ((why = version_read(req, version)) != HX_ACCEPTED)
		return why;
	blank = memchr(line, ' ', (size_t)(version - line));
	if (blank == NULL || blank == line)
		return HX_REFUSE_bad_request_line;
	req->method_name = (struct slice){ line, (size_t)(blank - line) };
	req->target = (struct slice){ blank + 1, (size_t)(version - blank - 1) };
	http_parser_init(&parser, HTTP_REQUEST);
	parser.data = &seen;
	http_parser_execute(&parser, &settings, line, (size_t)(cr + 2 - line));
	if (HTTP_PARSER_ERRNO(&parser) == HPE_INVALID_METHOD)
		return HX_REFUSE_bad_method;
	if (HTTP_PARSER_ERRNO(&parser) != HPE_OK || seen.ptr != req->target.ptr ||
	    seen.len != req->target.len)
		return HX_REFUSE_bad_request_line;
	req->method = (hx_method)parser.method;
	return HX_ACCEPTED;
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
	case 10:
		return memcmp(name.ptr, "connection", 10) == 0 ? HX_CONNECTION : -1;
	case 14:
		return memcmp(name.ptr, "content-length", 14) == 0 ? HX_CONTENT_LENGTH : -1;
	case 17:
		return memcmp(name.ptr, "transfer-encoding", 17) == 0 ?
		    HX_TRANSFER_ENCODING : -1;
	default:
		return -1;
	}
}

static enum hx_refusal
field_add(struct hx_request *req, char *line, char *cr, const struct hx_limits *limits)
{
	enum hx_refusal why;
	unsigned at = req->n_headers;
	int known;

	if (at == limits->fields || at == HX_MAX_HEADERS)
		return HX_REFUSE_too_many_fields;
	why = hx_field_read(line, cr, &req->headers[at]);
	if (why != HX_ACCEPTED)
		return why;
	known = known_find(req->headers[at].name);
	if (known >= 0 && req->count[known]++ == 0)
		req->first[known] = (int8_t)at;
	req->n_headers++;
	return HX_ACCEPTED;
}

/* The CR at the end of the line at `p`. A line that is too long is refused as soon as
 * that is certain. The search ends at the limit: the verdict must not depend on how many
 * bytes have arrived. */
static char *
line_end(char *p, char *end, size_t limit, enum hx_refusal too_long,
    enum hx_refusal *why)
{
	size_t len = (size_t)(end - p);
	bool over = len > limit && p[limit] != '\r';
	char *cr;

	if (len > limit)
		len = over ? limit + 1 : len > limit + 2 ? limit + 2 : len;
	cr = hx_field_line_end(p, p + len, why);
	if (over && cr == NULL && *why == HX_ACCEPTED)
		*why = too_long;
	return cr;
}

/* Read a head of which a part may be missing. Its length with the blank line; 0 when it is
 * refused (*why is the refusal) or incomplete (*why is HX_ACCEPTED). */
static size_t
head_read(struct hx_exchange *x, char *head, char *end, const struct hx_limits *limits,
    enum hx_refusal *why)
{
	struct hx_request *req = &x->req;
	char *line = head, *cr;

	hx_exchange_request_clear(req);
	cr = line_end(line, end, limits->line, HX_REFUSE_line_too_long, why);
	if (cr != NULL)
		*why = request_line_read(req, line, cr);
	while (cr != NULL && *why == HX_ACCEPTED) {
		line = cr + 2;
		cr = line_end(line, end, limits->field, HX_REFUSE_field_too_long, why);
		if (cr == line) {
			*why = hx_policy_request(x);
			return *why == HX_ACCEPTED ? (size_t)(cr + 2 - head) : 0;
		}
		if (cr != NULL)
			*why = field_add(req, line, cr, limits);
	}
	return 0;
}

/* Has the blank line arrived? The search goes on where the last one ended. */
static bool
has_end(const char *buf, size_t len, size_t scanned)
{
	const char *p = buf + (scanned > 3 ? scanned - 3 : 0), *end = buf + len;

	while ((p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		p++;
		if ((p < end && *p == '\n') || (end - p >= 2 && p[0] == '\r' && p[1] == '\n'))
			return true;
	}
	return false;
}

/* Is it time to read the head from its start? The first time always; later only when it
 * is complete or too long, so that a slow sender costs no more than a fast one. */
static bool
worth_reading(const char *buf, size_t len, size_t scanned, const struct hx_limits *limits)
{
	size_t line = (size_t)limits->line + 4;	/* with its CRLF and one before */

	return scanned == 0 || len > limits->head || has_end(buf, len, scanned) ||
	    (len > line && memchr(buf, '\n', line) == NULL);
}

int
hx_parse_head(struct hx_exchange *x, char *buf, size_t len, size_t *scanned,
    const struct hx_limits *limits, enum hx_refusal *why)
{
	size_t skip = len >= 2 && buf[0] == '\r' && buf[1] == '\n' ? 2 : 0, seen, end;

	must(*scanned <= len);
	*why = HX_ACCEPTED;
	if (len == 0 || !worth_reading(buf, len, *scanned, limits)) {
		*scanned = len;
		return 0;
	}
	*scanned = len;
	seen = len - skip < limits->head ? len - skip : limits->head;
	end = head_read(x, buf + skip, buf + skip + seen, limits, why);
	if (end > 0)
		return (int)(end + skip);
	if (*why == HX_ACCEPTED && len - skip > limits->head)
		*why = HX_REFUSE_head_too_large;
	return *why != HX_ACCEPTED ? -1 : 0;
}
