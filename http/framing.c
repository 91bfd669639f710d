/*
 * framing: a small state machine over content bytes.
 *
 * Called by worker/content.c with whatever bytes have arrived. Lines are collected in a
 * fixed buffer, so that the result does not depend on how the bytes were cut into
 * packets.
 */
#include "http/framing.h"

#include "base/hex.h"
#include "http/field.h"

enum { MAX_EXTENSIONS = 16 * 1024, MAX_TRAILERS = 8192, MAX_HEX = 16 };

void
hx_framing_init(struct hx_framing *f, const struct hx_request *req)
{
	f->state = req->h1.chunked ? HX_FRAMING_SIZE : HX_FRAMING_LENGTH;
	f->left = req->content_length;
	f->extension_bytes = f->trailer_bytes = 0;
	f->line_len = 0;
}

/* The end of the quoted string at p; NULL when it is not closed or has control bytes.
 * Only inside quotes may there be blanks. */
static const char *
quoted_end(const char *p, const char *end)
{
	for (p++; p < end && *p != '"'; p++) {
		if (*p == '\\' && ++p == end)
			return NULL;
		if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7F)
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

/* Is it a field that must not come in a trailer (RFC 9110 section 6.5.1)? */
static bool
trailer_forbidden(struct slice name)
{
	static const struct slice names[] = {
		{ "content-length", 14 }, { "transfer-encoding", 17 }, { "host", 4 },
		{ "authorization", 13 }, { "trailer", 7 }, { "cookie", 6 },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (slice_equal_lower(name, names[i]))
			return true;
	return name.len >= 8 &&
	    slice_equal_lower((struct slice){ name.ptr, 8 }, SLICE_LIT("content-"));
}

static bool
trailer_line(struct hx_framing *f)
{
	const char *colon = memchr(f->line, ':', f->line_len);
	struct slice name = { f->line, colon != NULL ? (size_t)(colon - f->line) : 0 };

	f->trailer_bytes += f->line_len;
	return f->trailer_bytes <= MAX_TRAILERS && hx_field_is_token(name) &&
	    !trailer_forbidden(name) &&
	    hx_field_value_ok((struct slice){ f->line, f->line_len });
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

/* A complete line in a state that reads lines. False: refused. */
static bool
line_act(struct hx_framing *f)
{
	bool ok;

	switch (f->state) {
	case HX_FRAMING_SIZE:
		ok = size_line(f);
		break;
	case HX_FRAMING_CHUNK_END:
		ok = f->line_len == 0;
		f->state = HX_FRAMING_SIZE;
		break;
	default:
		ok = true;
		if (f->line_len == 0)
			f->state = HX_FRAMING_END;
		else
			ok = trailer_line(f);
		break;
	}
	f->line_len = 0;
	return ok;
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
		line = line_take(f, buf, len, used);
		if (line == 0)
			return HX_FRAMING_MORE;
		if (line < 0 || !line_act(f)) {
			*why = f->state == HX_FRAMING_TRAILER ? HX_REFUSE_bad_trailer :
			    HX_REFUSE_bad_chunk;
			return HX_FRAMING_REFUSED;
		}
	}
}
