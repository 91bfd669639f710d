/*
 * parse: one head, in one go.
 *
 * Called by worker/conductor.c. A head is parsed when it is complete, so the
 * result cannot depend on how it was cut into packets.
 */
#include "http/parse.h"

#include <http_parser.h>

const struct hx_limits hx_limits_default = {
	.line = 8192, .field = 8192, .fields = HX_MAX_HEADERS, .head = 65536, .body = 0,
};

enum { VERSION_BYTES = 10 };	/* " HTTP/1.1\r" without its line feed */

struct context {
	struct hx_exchange *x;
	const struct hx_limits *limits;
	const struct hx_refusal *why;
	bool complete;		/* the parser has seen the blank line */
};

static const struct {
	enum hx_known which;
	struct slice name;
} known[] = {
	{ HX_HOST, { "host", 4 } },
	{ HX_CONTENT_TYPE, { "content-type", 12 } },
	{ HX_CONTENT_LENGTH, { "content-length", 14 } },
	{ HX_TRANSFER_ENCODING, { "transfer-encoding", 17 } },
	{ HX_CONNECTION, { "connection", 10 } },
	{ HX_EXPECT, { "expect", 6 } },
	{ HX_UPGRADE, { "upgrade", 7 } },
	{ HX_COOKIE, { "cookie", 6 } },
};

static int
refuse(struct context *c, enum hx_refusal_id id)
{
	c->why = hx_refusal_get(id);
	return 1;
}

static int
on_url(http_parser *p, const char *at, size_t len)
{
	struct context *c = p->data;

	c->x->req.target = (struct slice){ at, len };
	return 0;
}

static int
on_field(http_parser *p, const char *at, size_t len)
{
	struct context *c = p->data;
	struct hx_request *req = &c->x->req;

	if (req->n_headers == c->limits->fields || req->n_headers == HX_MAX_HEADERS)
		return refuse(c, HX_REFUSE_too_many_fields);
	req->headers[req->n_headers++] = (struct hx_header){ { at, len }, { at + len, 0 } };
	return 0;
}

/* Remember the first occurrence of a field the server asks for by name. */
static void
known_note(struct hx_request *req, unsigned index)
{
	struct slice name = req->headers[index].name;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (!slice_equal(name, known[i].name))
			continue;
		if (req->count[known[i].which]++ == 0)
			req->first[known[i].which] = (int8_t)index;
		return;
	}
}

static int
on_value(http_parser *p, const char *at, size_t len)
{
	struct context *c = p->data;
	struct hx_request *req = &c->x->req;
	struct hx_header *h = &req->headers[req->n_headers - 1];
	char *name = (char *)(uintptr_t)h->name.ptr;

	if (h->name.len + len > c->limits->field)
		return refuse(c, HX_REFUSE_head_too_large);
	while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t'))
		len--;
	h->value = (struct slice){ at, len };
	for (size_t i = 0; i < h->name.len; i++)
		name[i] = (char)slice_lower((unsigned char)name[i]);
	known_note(req, req->n_headers - 1);
	return 0;
}

/* 2: no content for the parser; it stops here. */
static int
on_headers_complete(http_parser *p)
{
	struct context *c = p->data;

	c->complete = true;
	return 2;
}

static const http_parser_settings settings = {
	.on_url = on_url,
	.on_header_field = on_field,
	.on_header_value = on_value,
	.on_headers_complete = on_headers_complete,
};

/* Offset behind the blank line, 0 when it has not arrived. */
static size_t
head_end(const char *buf, size_t len, size_t *scanned)
{
	const char *p = buf + (*scanned > 3 ? *scanned - 3 : 0), *end = buf + len;

	while ((p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		p++;
		if (p < end && *p == '\n')
			return (size_t)(p + 1 - buf);
		if (end - p >= 2 && p[0] == '\r' && p[1] == '\n')
			return (size_t)(p + 2 - buf);
		if (p == end)
			break;
	}
	*scanned = len;
	return 0;
}

static bool
digit(char c)
{
	return c >= '0' && c <= '9';
}

static const struct hx_refusal *
line_too_long(const char *head, size_t len, const struct hx_limits *limits)
{
	const char *lf = memchr(head, '\n', len);
	size_t line = lf != NULL ? (size_t)(lf - head) : len;

	return line > limits->line ? hx_refusal_get(HX_REFUSE_line_too_long) : NULL;
}

/* The request line has exactly two blanks (RFC 9112 section 3) and one
 * of the two versions we speak. The version is checked here because the parser
 * would call the preface of HTTP/2 an unknown method. */
static const struct hx_refusal *
line_check(const char *head, size_t len)
{
	const char *lf = memchr(head, '\n', len);
	size_t line = lf != NULL ? (size_t)(lf - head) : len;
	const char *version;
	unsigned blanks = 0;

	for (size_t i = 0; i < line; i++)
		blanks += head[i] == ' ';
	if (blanks != 2 || line < VERSION_BYTES)
		return hx_refusal_get(HX_REFUSE_bad_request_line);
	version = head + line - VERSION_BYTES;
	if (memcmp(version, " HTTP/1.1\r", VERSION_BYTES) == 0 ||
	    memcmp(version, " HTTP/1.0\r", VERSION_BYTES) == 0)
		return NULL;
	/* " HTTP/d.d" of another kind */
	if (memcmp(version, " HTTP/", 6) == 0 && digit(version[6]) && version[7] == '.' &&
	    digit(version[8]))
		return hx_refusal_get(HX_REFUSE_bad_version);
	return hx_refusal_get(HX_REFUSE_bad_request_line);
}

/* What to say of a head that is not complete but already too long. */
static const struct hx_refusal *
overlong(const char *head, size_t len, const struct hx_limits *limits)
{
	const struct hx_refusal *why = line_too_long(head, len, limits);

	if (why == NULL && len > limits->head)
		why = hx_refusal_get(HX_REFUSE_head_too_large);
	return why;
}

static const struct hx_refusal *
parser_failed(const http_parser *parser, const struct context *c)
{
	enum http_errno code = HTTP_PARSER_ERRNO(parser);

	if (c->why != NULL)
		return c->why;
	if (code == HPE_INVALID_METHOD)
		return hx_refusal_get(HX_REFUSE_bad_method);
	if (code == HPE_HEADER_OVERFLOW)
		return hx_refusal_get(HX_REFUSE_head_too_large);
	if (code == HPE_INVALID_CONTENT_LENGTH)
		return hx_refusal_get(HX_REFUSE_bad_length);
	/* A second length, or one beside a coding. */
	if (code == HPE_UNEXPECTED_CONTENT_LENGTH)
		return hx_refusal_get(c->x->req.count[HX_TRANSFER_ENCODING] > 0 ?
		    HX_REFUSE_length_and_coding : HX_REFUSE_bad_length);
	if (code == HPE_INVALID_HEADER_TOKEN)
		return hx_refusal_get(HX_REFUSE_bad_field);
	return hx_refusal_get(HX_REFUSE_bad_request_line);
}

static const struct hx_refusal *
head_parse(struct hx_exchange *x, char *head, size_t len, const struct hx_limits *limits)
{
	struct context c = { .x = x, .limits = limits };
	const struct hx_refusal *why = line_too_long(head, len, limits);
	http_parser parser;

	if (why == NULL)
		why = hx_policy_bytes(head, len);
	if (why == NULL)
		why = line_check(head, len);
	if (why != NULL)
		return why;
	http_parser_init(&parser, HTTP_REQUEST);
	parser.data = &c;
	x->req.n_headers = 0;
	http_parser_execute(&parser, &settings, head, len);
	if (HTTP_PARSER_ERRNO(&parser) != HPE_OK || !c.complete)
		return parser_failed(&parser, &c);
	x->req.method = (hx_method)parser.method;
	x->req.method_name.ptr = http_method_str((enum http_method)parser.method);
	x->req.method_name.len = strlen(x->req.method_name.ptr);
	x->req.minor = (uint8_t)parser.http_minor;
	return hx_policy_request(x, http_should_keep_alive(&parser) != 0);
}

int
hx_parse_head(struct hx_exchange *x, char *buf, size_t len, size_t *scanned,
    const struct hx_limits *limits, const struct hx_refusal **why)
{
	size_t skip = len >= 2 && buf[0] == '\r' && buf[1] == '\n' ? 2 : 0;
	size_t from = *scanned > skip ? *scanned - skip : 0, end;

	end = head_end(buf + skip, len - skip, &from);
	*scanned = from + skip;
	if (end == 0) {
		*why = overlong(buf + skip, len - skip, limits);
		return *why != NULL ? -1 : 0;
	}
	if (end > limits->head)
		*why = hx_refusal_get(HX_REFUSE_head_too_large);
	else
		*why = head_parse(x, buf + skip, end, limits);
	return *why != NULL ? -1 : (int)(end + skip);
}
