/*
 * framing: a small state machine over content bytes.
 *
 * Called by worker/conductor.c with whatever has arrived. Lines are collected
 * in a fixed buffer, so the result does not depend on how bytes were cut.
 */
#include "http/framing.h"

enum { MAX_EXTENSIONS = 16 * 1024, MAX_TRAILERS = 8192, MAX_HEX = 16 };

void
hx_framing_init(struct hx_framing *f, const struct hx_request *req)
{
	f->state = req->chunked ? HX_FRAMING_SIZE : HX_FRAMING_LENGTH;
	f->left = req->content_length;
	f->extension_bytes = f->trailer_bytes = 0;
	f->line_len = 0;
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)slice_lower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Visible bytes and blanks, no quote left open: ";name", ";name=value",
 * ";name="quoted"". */
static bool
extension_ok(const char *p, const char *end)
{
	bool quoted = false;

	if (p < end && *p != ';')
		return false;
	for (; p < end; p++) {
		unsigned char c = (unsigned char)*p;

		if (c < 0x20 || c >= 0x7F || (!quoted && c == ' '))
			return false;
		if (c == '"')
			quoted = !quoted;
		else if (quoted && c == '\\' && ++p == end)
			return false;
	}
	return !quoted;
}

/* The size line without its CRLF. */
static bool
size_line(struct hx_framing *f)
{
	const char *p = f->line, *end = p + f->line_len;
	uint64_t size = 0;
	int digits = 0;

	for (; p < end && hex(*p) >= 0; p++, digits++) {
		if (digits == MAX_HEX)
			return false;
		size = size * 16 + (uint64_t)hex(*p);
	}
	f->extension_bytes += (uint32_t)(end - p);
	if (digits == 0 || size > INT64_MAX || f->extension_bytes > MAX_EXTENSIONS ||
	    !extension_ok(p, end))
		return false;
	f->left = size;
	f->state = size > 0 ? HX_FRAMING_CHUNK : HX_FRAMING_TRAILER;
	return true;
}

/* Fields that must not come behind the content (RFC 9110 section 6.5.1). */
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

	f->trailer_bytes += f->line_len;
	if (colon == NULL || f->trailer_bytes > MAX_TRAILERS ||
	    trailer_forbidden((struct slice){ f->line, (size_t)(colon - f->line) }))
		return false;
	for (size_t i = 0; i < f->line_len; i++)
		if ((unsigned char)f->line[i] < 0x20 && f->line[i] != '\t')
			return false;
	return f->line[0] != ' ' && f->line[0] != '\t' && colon > f->line &&
	    colon[-1] != ' ' && colon[-1] != '\t';
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
		if (cr || f->line_len == sizeof(f->line) - 1)
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
data_take(struct hx_framing *f, char *buf, size_t len, size_t *used, struct slice *data)
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
hx_framing_feed(struct hx_framing *f, char *buf, size_t len, size_t *used,
    struct slice *data, const struct hx_refusal **why)
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
			*why = hx_refusal_get(f->state == HX_FRAMING_TRAILER ?
			    HX_REFUSE_bad_trailer : HX_REFUSE_bad_chunk);
			return HX_FRAMING_REFUSED;
		}
	}
}
