/*
 * content_type: the plain spellings only.
 *
 * Called by bindings/plan before content is parsed in C.
 */
#include "http/content_type.h"

static bool
token(const char *p, const char *end)
{
	for (const char *q = p; q < end; q++) {
		unsigned char c = slice_lower((unsigned char)*q);

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
		    c == '+' || c == '.' || c == '_'))
			return false;
	}
	return p < end;
}

static const char *
blanks_skip(const char *p, const char *end)
{
	while (p < end && *p == ' ')
		p++;
	return p;
}

/* The part before the first ';'. */
static struct slice
media_type(struct slice value)
{
	const char *semi = value.len > 0 ? memchr(value.ptr, ';', value.len) : NULL;

	return (struct slice){ value.ptr, semi != NULL ? (size_t)(semi - value.ptr) : value.len };
}

/* ; name=value ; name=value */
static bool
parameters_plain(const char *p, const char *end)
{
	while (p < end) {
		const char *eq, *stop;

		if (*p != ';')
			return false;
		p = blanks_skip(p + 1, end);
		stop = memchr(p, ';', (size_t)(end - p));
		stop = stop != NULL ? stop : end;
		eq = memchr(p, '=', (size_t)(stop - p));
		if (eq == NULL || !token(p, eq) || !token(eq + 1, stop))
			return false;
		p = stop;
	}
	return true;
}

bool
hx_content_type_json(struct slice value)
{
	static const struct slice json = { "application/json", 16 };
	struct slice type = media_type(value);
	const char *p = type.ptr;

	if (value.len == 0)
		return false;
	if (!slice_equal_lower(type, json)) {
		/* application/x+json */
		if (type.len < 12 + 6 ||
		    !slice_equal_lower((struct slice){ p, 12 }, SLICE_LIT("application/")) ||
		    !token(p + 12, p + type.len) ||
		    !slice_equal_lower((struct slice){ p + type.len - 5, 5 },
			SLICE_LIT("+json")))
			return false;
	}
	return parameters_plain(p + type.len, p + value.len);
}

bool
hx_content_type_form(struct slice value)
{
	struct slice type = media_type(value);

	while (type.len > 0 && (type.ptr[type.len - 1] == ' ' || type.ptr[type.len - 1] == '\t'))
		type.len--;
	return slice_equal_lower(type, SLICE_LIT("application/x-www-form-urlencoded"));
}
