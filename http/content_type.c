/*
 * content_type: the plain spellings only.
 *
 * Called by bindings/pure.c before JSON content is parsed in C.
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
	const char *p = value.ptr, *end = p + value.len, *semi;
	struct slice type;

	if (value.len == 0)
		return false;
	semi = memchr(p, ';', value.len);
	type = (struct slice){ p, (size_t)((semi != NULL ? semi : end) - p) };
	if (!slice_equal_lower(type, json)) {
		/* application/x+json */
		if (type.len < 12 + 6 ||
		    !slice_equal_lower((struct slice){ p, 12 }, SLICE_LIT("application/")) ||
		    !token(p + 12, p + type.len) ||
		    !slice_equal_lower((struct slice){ p + type.len - 5, 5 },
			SLICE_LIT("+json")))
			return false;
	}
	return semi == NULL || parameters_plain(semi, end);
}
