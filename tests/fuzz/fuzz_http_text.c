/*
 * fuzz_http_text: targets, queries, cookies and content types of any bytes.
 *
 * Nothing may crash; decoded paths and queries must be valid UTF-8.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/must.h"
#include "http/content_type.h"
#include "http/cookie.h"
#include "http/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A second, plainer reading of RFC 3629's table than target.c's. */
static bool
utf8_valid(struct slice s)
{
	const unsigned char *p = (const unsigned char *)s.ptr, *end = p + s.len;

	while (p < end) {
		size_t n = *p < 0x80 ? 1 : *p < 0xE0 ? 2 : *p < 0xF0 ? 3 : 4;
		uint32_t c = n == 1 ? *p : *p & (0x7Fu >> n);

		if ((*p >= 0x80 && *p < 0xC2) || *p > 0xF4 || (size_t)(end - p) < n)
			return false;
		for (size_t i = 1; i < n; i++) {
			if ((p[i] & 0xC0) != 0x80)
				return false;
			c = c << 6 | (p[i] & 0x3Fu);
		}
		if ((n == 3 && c < 0x800) || (n == 4 && c < 0x10000) || c > 0x10FFFF ||
		    (c >= 0xD800 && c < 0xE000))
			return false;
		p += n;
	}
	return true;
}

static void
pairs_read(struct arena *a, struct slice all)
{
	struct slice rest = all, name, value, out;

	while (hx_query_next(&rest, &name, &value)) {
		must(hx_query_decode(a, name, &out) == 0 && utf8_valid(out));
		must(hx_query_decode(a, value, &out) == 0 && utf8_valid(out));
	}
	rest = all;
	while (hx_cookie_next(&rest, &name, &value)) {
		must(name.len + value.len > 0);
		must(hx_cookie_unquote(a, value, &out) == 0 && out.len <= value.len);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size > 0 ? size : 1);
	struct slice all = { copy, size }, out;
	bool ascii = true;
	struct arena a;

	must(copy != NULL && arena_init(&a, 4096) == 0);
	for (size_t i = 0; i < size; i++) {
		copy[i] = (char)data[i];
		ascii = ascii && data[i] < 0x80;
	}
	/* A target that policy.c takes is ASCII. */
	if (ascii) {
		must(hx_path_decode(&a, all, &out) == 0 && utf8_valid(out));
	}
	pairs_read(&a, all);
	(void)hx_content_type_json(all);
	arena_fini(&a);
	free(copy);
	return 0;
}
