/*
 * framing: a small state machine over content bytes.
 *
 * Called by worker/content.c with whatever bytes have arrived. Size lines are collected in a
 * fixed buffer and trailers are read byte by byte, so that the result does not depend on how
 * the bytes were cut into packets.
 */
#include "http/framing.h"

#include "base/hex.h"
#include "http/field.h"

enum { MAX_EXTENSIONS = 16 * 1024, MAX_HEX = 16 };

void
hx_framing_init(struct hx_framing *f, const struct hx_request *req,
    const struct hx_limits *limits)
{
	f->state = req->h1.chunked ? HX_FRAMING_SIZE : HX_FRAMING_LENGTH;
	f->left = req->content_length;
	f->limits = limits;
	f->extension_bytes = f->trailer_bytes = f->trailer_fields = 0;
	f->line_len = 0;
}

/* The byte as a slice, for the checks of field.c. */
static struct slice
one(const char *p)
{
	return (struct slice){ p, 1 };
}

/* The end of the quoted string at p (RFC 9110 section 5.6.4); NULL when it is not closed or
 * has control bytes. Only inside quotes may there be blanks. */
static const char *
quoted_end(const char *p, const char *end)
{
	for (p++; p < end && *p != '"'; p++) {
		if (*p == '\\' && ++p == end)
			return NULL;
		if (!hx_field_value_ok(one(p)))
			return NULL;
	}
	return p < end ? p + 1 : NULL;
}

/* The end of the token at p; p itself when there is none. */
static const char *
token_end(const char *p, const char *end)
{
	return p + hx_field_token_len((struct slice){ p, (size_t)(end - p) });
}

/* *( ";" token [ "=" ( token / quoted-string ) ] ), RFC 9112 section 7.1.1, but without
 * the blanks that the RFC allows around them. */
static bool
extension_ok(const char *p, const char *end)
{
	while (p < end) {
		const char *from = p + 1;

		if (*p != ';' || (p = token_end(from, end)) == from)
			return false;
		if (p == end || *p != '=')
			continue;
		from = p + 1;
		p = from < end && *from == '"' ? quoted_end(from, end) : token_end(from, end);
		if (p == NULL || p == from)
			return false;
	}
	return true;
}

/* The size line without its CRLF. */
static bool
size_line(struct hx_framing *f)
{
	const char *p = f->line, *end = p + f->line_len;
	uint64_t size = 0;
	int digits = 0;

	for (; p < end && hex_value(*p) >= 0; p++, digits++) {
		if (digits == MAX_HEX)
			return false;
		size = size * 16 + (uint64_t)hex_value(*p);
	}
	f->extension_bytes += (uint32_t)(end - p);
	if (digits == 0 || size > INT64_MAX || f->extension_bytes > MAX_EXTENSIONS ||
	    !extension_ok(p, end))
		return false;
	f->left = size;
	f->state = size > 0 ? HX_FRAMING_CHUNK : HX_FRAMING_TRAILER;
	return true;
}

/* Collect a line. 1: complete (without CRLF), 0: more bytes needed, -1: wrong. */
static int
line_take(struct hx_framing *f, const char *buf, size_t len, size_t *used)
{
	while (*used < len) {
		char c = buf[(*used)++];
		bool cr = f->line_len > 0 && f->line[f->line_len - 1] == '\r';

		if (c == '\n') {
			if (!cr)
				return -1;
			f->line_len--;
			return 1;
		}
		/* Behind a chunk there may be CRLF only: refuse at the first other byte. */
		if (cr || f->line_len == sizeof(f->line) - 1 ||
		    (f->state == HX_FRAMING_CHUNK_END && c != '\r'))
			return -1;
		f->line[f->line_len++] = c;
	}
	return 0;
}

/* A complete line: a size line, or the empty rest behind a chunk. False: refused. */
static bool
line_act(struct hx_framing *f)
{
	bool ok = f->state == HX_FRAMING_SIZE ? size_line(f) : f->line_len == 0;

	if (f->state == HX_FRAMING_CHUNK_END)
		f->state = HX_FRAMING_SIZE;
	f->line_len = 0;
	return ok;
}

/* Do the trailers, with one byte more, keep within the limits of a head? */
static enum hx_refusal
trailer_count(struct hx_framing *f)
{
	if (++f->trailer_bytes > f->limits->head)
		return HX_REFUSE_head_too_large;
	if (f->trailer_fields > f->limits->fields)
		return HX_REFUSE_too_many_fields;
	return f->line_len > f->limits->field ? HX_REFUSE_field_too_long : HX_ACCEPTED;
}

/* What the byte at `p` of the trailers leads to. False: it is wrong there. */
static bool
trailer_byte(struct hx_framing *f, const char *p)
{
	switch (f->state) {
	case HX_FRAMING_TRAILER:
		f->line_len = 1;
		f->trailer_fields += *p != '\r';
		f->state = *p == '\r' ? HX_FRAMING_LAST_LF : HX_FRAMING_NAME;
		return *p == '\r' || hx_field_is_token(one(p));
	case HX_FRAMING_NAME:
		f->line_len++;
		if (*p == ':')
			f->state = HX_FRAMING_VALUE;
		return *p == ':' || hx_field_is_token(one(p));
	case HX_FRAMING_VALUE:
		f->line_len += *p != '\r';
		if (*p == '\r')
			f->state = HX_FRAMING_LINE_LF;
		return *p == '\r' || hx_field_value_ok(one(p));
	default:
		f->state = f->state == HX_FRAMING_LINE_LF ? HX_FRAMING_TRAILER : HX_FRAMING_END;
		f->line_len = 0;
		return *p == '\n';
	}
}

/* Read trailers as far as they have arrived. HX_ACCEPTED, or the refusal. */
static enum hx_refusal
trailers_take(struct hx_framing *f, const char *buf, size_t len, size_t *used)
{
	enum hx_refusal why = HX_ACCEPTED;

	while (*used < len && f->state != HX_FRAMING_END && why == HX_ACCEPTED)
		why = trailer_byte(f, buf + (*used)++) ? trailer_count(f) :
		    HX_REFUSE_bad_trailer;
	return why;
}

static enum hx_framing_result
data_take(struct hx_framing *f, const char *buf, size_t len, size_t *used,
    struct slice *data)
{
	size_t n = len - *used;

	if (n == 0)
		return HX_FRAMING_MORE;
	if (n > f->left)
		n = (size_t)f->left;
	*data = (struct slice){ buf + *used, n };
	*used += n;
	f->left -= n;
	if (f->left == 0 && f->state == HX_FRAMING_CHUNK)
		f->state = HX_FRAMING_CHUNK_END;
	return HX_FRAMING_DATA;
}

enum hx_framing_result
hx_framing_feed(struct hx_framing *f, const char *buf, size_t len, size_t *used,
    struct slice *data, enum hx_refusal *why)
{
	*used = 0;
	for (;;) {
		int line;

		if (f->state == HX_FRAMING_LENGTH && f->left == 0)
			f->state = HX_FRAMING_END;
		if (f->state == HX_FRAMING_END)
			return HX_FRAMING_DONE;
		if (f->state == HX_FRAMING_LENGTH || f->state == HX_FRAMING_CHUNK)
			return data_take(f, buf, len, used, data);
		if (f->state >= HX_FRAMING_TRAILER) {
			if ((*why = trailers_take(f, buf, len, used)) != HX_ACCEPTED)
				return HX_FRAMING_REFUSED;
			if (f->state != HX_FRAMING_END)
				return HX_FRAMING_MORE;
			continue;
		}
		line = line_take(f, buf, len, used);
		if (line == 0)
			return HX_FRAMING_MORE;
		if (line < 0 || !line_act(f)) {
			*why = HX_REFUSE_bad_chunk;
			return HX_FRAMING_REFUSED;
		}
	}
}
