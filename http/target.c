/*
 * target: unquote, unquote_plus, parse_qsl.
 *
 * Called by policy.c for paths and by bindings/plan/source.c for queries.
 */
#include "http/target.h"

#include "base/hex.h"
#include "base/utf8.h"

int
hx_target_percent_value(const char *p, size_t len)
{
	int high, low;

	if (len < 3 || p[0] != '%')
		return -1;
	high = hex_value(p[1]);
	low = hex_value(p[2]);
	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* Copy to `out`, which has room for three bytes per byte, with U+FFFD for each part that
 * is ill-formed UTF-8. The length of the copy. */
static size_t
utf8_replace(const char *p, size_t len, char *out)
{
	size_t n = 0, i = 0;

	while (i < len) {
		int got = utf8_length(p + i, len - i);

		if (got > 0) {
			memcpy(out + n, p + i, (size_t)got);
			n += (size_t)got;
			i += (size_t)got;
		} else {
			memcpy(out + n, "\xEF\xBF\xBD", 3);
			n += 3;
			i += (size_t)-got;
		}
	}
	return n;
}

/* Is there nothing to decode? Most texts are plain, so the loop does not leave early. */
static bool
plain(struct slice raw, bool plus)
{
	bool odd = false;

	for (size_t i = 0; i < raw.len; i++) {
		unsigned char c = (unsigned char)raw.ptr[i];

		odd |= (c == '%') | (plus & (c == '+')) | (c >= 0x80);
	}
	return !odd;
}

/* Put the Latin-1 character of `c`, as in the text that Starlette decodes: one byte of
 * UTF-8, or two from 0x80 on. Their number. */
static size_t
latin1_put(unsigned char *out, unsigned char c)
{
	if (c < 0x80) {
		out[0] = c;
		return 1;
	}
	out[0] = (unsigned char)(0xC0 | c >> 6);
	out[1] = (unsigned char)(0x80 | (c & 0x3F));
	return 2;
}

static int
decode(struct arena *a, struct slice raw, bool plus, struct slice *out)
{
	unsigned char *bytes;
	bool high = false;
	size_t n = 0;
	char *text;

	*out = raw;
	if (plain(raw, plus))
		return 0;
	bytes = arena_alloc(a, 2 * raw.len);
	if (bytes == NULL)
		return -1;
	for (size_t i = 0; i < raw.len; i++) {
		int value = hx_target_percent_value(raw.ptr + i, raw.len - i);

		if (value >= 0) {
			bytes[n++] = (unsigned char)value;
			i += 2;
		} else if (plus && raw.ptr[i] == '+') {
			bytes[n++] = ' ';
		} else {
			n += latin1_put(bytes + n, (unsigned char)raw.ptr[i]);
		}
		high |= bytes[n - 1] >= 0x80;
	}
	*out = (struct slice){ (char *)bytes, n };
	if (!high)
		return 0;
	text = arena_alloc(a, 3 * n);
	if (text == NULL)
		return -1;
	*out = (struct slice){ text, utf8_replace((char *)bytes, n, text) };
	return 0;
}

int
hx_target_path_decode(struct arena *a, struct slice raw, struct slice *out)
{
	return decode(a, raw, false, out);
}

int
hx_target_query_decode(struct arena *a, struct slice raw, struct slice *out)
{
	return decode(a, raw, true, out);
}

bool
hx_target_query_next(struct slice *rest, struct slice *name, struct slice *value)
{
	while (rest->len > 0) {
		const char *amp = memchr(rest->ptr, '&', rest->len), *eq;
		size_t len = amp != NULL ? (size_t)(amp - rest->ptr) : rest->len;
		struct slice piece = { rest->ptr, len };

		rest->ptr += amp != NULL ? len + 1 : len;
		rest->len -= amp != NULL ? len + 1 : len;
		if (piece.len == 0)
			continue;
		eq = memchr(piece.ptr, '=', piece.len);
		*name = piece;
		*value = SLICE_LIT("");
		if (eq != NULL) {
			name->len = (size_t)(eq - piece.ptr);
			*value = (struct slice){ eq + 1, piece.len - name->len - 1 };
		}
		return true;
	}
	return false;
}
