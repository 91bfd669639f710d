/*
 * options: split at semicolons, but not at those inside quotes.
 *
 * Called by bindings/plan for the content type of a form and for the dispositions of its
 * parts. It must never decide whether a parameter may be missing.
 */
#include "http/options.h"

#include <string.h>

/* Where `c` is at or behind `from`; the value's length when it is not there. */
static size_t
find(struct slice value, char c, size_t from)
{
	const char *at = from < value.len ?
	    memchr(value.ptr + from, c, value.len - from) : NULL;

	return at != NULL ? (size_t)(at - value.ptr) : value.len;
}

/* Is the number of quotes in value[from .. end), without those behind a backslash, odd? */
static bool
quotes_odd(struct slice value, size_t from, size_t end)
{
	bool odd = false;

	for (size_t i = find(value, '"', from); i < end; i = find(value, '"', i + 1))
		odd ^= i == from || value.ptr[i - 1] != '\\';
	return odd;
}

/* The end of the parameter that begins at `from`: the first semicolon with an even number of
 * quotes before it. */
static size_t
segment_end(struct slice value, size_t from)
{
	size_t end = find(value, ';', from), counted = from;
	bool odd = false;

	while (end < value.len) {
		odd ^= quotes_odd(value, counted, end);
		if (!odd)
			break;
		counted = end;
		end = find(value, ';', end + 1);
	}
	return end;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct slice
strip(struct slice s)
{
	while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
		s.len--;
	while (s.len > 0 && is_blank(s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	return s;
}

struct slice
hx_options_kind(struct slice value)
{
	return strip((struct slice){ value.ptr, segment_end(value, 0) });
}

/* Without the quotes around it; \\ is \ and then \" is ". */
static int
unquote(struct arena *a, struct slice raw, struct slice *out)
{
	char *bytes;
	size_t n = 0;

	*out = raw;
	if (raw.len < 2 || raw.ptr[0] != '"' || raw.ptr[raw.len - 1] != '"')
		return 0;
	*out = (struct slice){ raw.ptr + 1, raw.len - 2 };
	if (out->len == 0 || memchr(out->ptr, '\\', out->len) == NULL)
		return 0;
	bytes = arena_alloc(a, out->len);
	if (bytes == NULL)
		return -1;
	for (size_t i = 0; i < out->len; i++) {
		bytes[n++] = out->ptr[i];
		if (out->ptr[i] == '\\' && i + 1 < out->len && out->ptr[i + 1] == '\\')
			i++;
	}
	*out = (struct slice){ bytes, n };
	n = 0;
	for (size_t i = 0; i < out->len; i++)
		if (bytes[i] != '\\' || i + 1 == out->len || bytes[i + 1] != '"')
			bytes[n++] = bytes[i];
	out->len = n;
	return 0;
}

/* C:\path\name, \\host\path\name */
static struct slice
path_drop(struct slice name)
{
	const char *last;

	if (!(name.len >= 3 && name.ptr[1] == ':' && name.ptr[2] == '\\') &&
	    !(name.len >= 2 && name.ptr[0] == '\\' && name.ptr[1] == '\\'))
		return name;
	last = memrchr(name.ptr, '\\', name.len);
	return (struct slice){ last + 1, name.len - (size_t)(last + 1 - name.ptr) };
}

/* Is the segment the parameter of that name? Its value, still quoted, into *raw. A name
 * without an equals sign keeps its case. */
static bool
is_named(struct slice segment, struct slice name, struct slice *raw)
{
	size_t equals = find(segment, '=', 0);

	if (equals == segment.len) {
		*raw = (struct slice){ segment.ptr + segment.len, 0 };
		return slice_equal(strip(segment), name);
	}
	*raw = strip((struct slice){ segment.ptr + equals + 1, segment.len - equals - 1 });
	return slice_equal_lower(strip((struct slice){ segment.ptr, equals }), name);
}

int
hx_options_get(struct arena *a, struct slice value, struct slice name, bool is_filename,
    struct slice *out)
{
	size_t from = segment_end(value, 0);
	struct slice found = SLICE_NULL, raw;

	*out = SLICE_NULL;
	while (from < value.len) {
		size_t end = segment_end(value, from + 1);
		struct slice segment = { value.ptr + from + 1, end - from - 1 };

		if (is_named(segment, name, &raw))
			found = raw;
		from = end;
	}
	if (found.ptr == NULL)
		return 0;
	if (unquote(a, found, out) < 0)
		return -1;
	if (is_filename)
		*out = path_drop(*out);
	return 0;
}
