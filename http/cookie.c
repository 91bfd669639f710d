/*
 * cookie: split at ';' and '=', strip, unquote.
 *
 * Called by bindings/plan/source.c and middleware/session.c. Bytes are latin-1 characters.
 */
#include "http/cookie.h"

#include "http/field.h"

bool
hx_cookie_next(struct slice *rest, struct slice *name, struct slice *value)
{
	while (rest->len > 0) {
		const char *semi = memchr(rest->ptr, ';', rest->len), *eq;
		size_t len = semi != NULL ? (size_t)(semi - rest->ptr) : rest->len;
		struct slice chunk = { rest->ptr, len };

		rest->ptr += semi != NULL ? len + 1 : len;
		rest->len -= semi != NULL ? len + 1 : len;
		eq = chunk.len > 0 ? memchr(chunk.ptr, '=', chunk.len) : NULL;
		*name = SLICE_LIT("");
		*value = hx_field_strip(chunk);
		if (eq != NULL) {
			size_t before = (size_t)(eq - chunk.ptr);

			*name = hx_field_strip((struct slice){ chunk.ptr, before });
			*value = hx_field_strip((struct slice){ eq + 1, chunk.len - before - 1 });
		}
		if (name->len > 0 || value->len > 0)
			return true;
	}
	return false;
}

static bool
octal(const char *p, size_t len)
{
	return len >= 3 && p[0] >= '0' && p[0] <= '3' && p[1] >= '0' && p[1] <= '7' &&
	    p[2] >= '0' && p[2] <= '7';
}

int
hx_cookie_unquote(struct arena *a, struct slice raw, struct slice *out)
{
	size_t n = 0;
	char *text;

	*out = raw;
	if (raw.len < 2 || raw.ptr[0] != '"' || raw.ptr[raw.len - 1] != '"')
		return 0;
	raw = (struct slice){ raw.ptr + 1, raw.len - 2 };
	*out = raw;
	if (raw.len == 0 || memchr(raw.ptr, '\\', raw.len) == NULL)
		return 0;
	text = arena_alloc(a, raw.len);
	if (text == NULL)
		return -1;
	for (size_t i = 0; i < raw.len; i++) {
		const char *p = raw.ptr + i;

		/* Python's "." matches no line feed, so that pair stays. */
		if (*p != '\\' || i + 1 == raw.len || p[1] == '\n') {
			text[n++] = *p;
		} else if (octal(p + 1, raw.len - i - 1)) {
			text[n++] = (char)((p[1] - '0') * 64 + (p[2] - '0') * 8 + (p[3] - '0'));
			i += 3;
		} else {
			text[n++] = p[1];
			i++;
		}
	}
	*out = (struct slice){ text, n };
	return 0;
}
