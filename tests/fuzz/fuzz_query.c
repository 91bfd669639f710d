/*
 * fuzz_query: query strings and paths of any bytes.
 *
 * Promises: pieces lie in the input, in order, and are not longer together than
 * it; decoded text is valid UTF-8 and is decoded once only.
 */
#include "base/must.h"
#include "http/target.h"
#include "tests/fuzz/target.h"

/* Is this UTF-8, written another way than target.c's reader? */
static bool
is_utf8(struct slice s)
{
	for (size_t i = 0; i < s.len;) {
		unsigned char c = (unsigned char)s.ptr[i];
		size_t n = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
		uint32_t point = n == 1 ? c : c & (0x7FU >> n);

		if ((c >= 0x80 && c < 0xC0) || c > 0xF7 || n > s.len - i)
			return false;
		for (size_t k = 1; k < n; k++) {
			unsigned char next = (unsigned char)s.ptr[i + k];

			if ((next & 0xC0) != 0x80)
				return false;
			point = point << 6 | (next & 0x3F);
		}
		if (point > 0x10FFFF || (point >= 0xD800 && point < 0xE000) ||
		    (n > 1 && point < 0x80) || (n > 2 && point < 0x800) ||
		    (n > 3 && point < 0x10000))
			return false;
		i += n;
	}
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice all = { (const char *)data, size }, rest = all, name, value, out;
	const char *behind = all.ptr;
	struct arena a;

	arena_init(&a, 4096);
	must(hx_target_path_decode(&a, all, &out) == 0);
	must(is_utf8(out) && out.len <= 3 * size);
	while (hx_target_query_next(&rest, &name, &value)) {
		must(name.ptr >= behind && name.ptr + name.len <= all.ptr + size);
		must(value.len == 0 || value.ptr == name.ptr + name.len + 1);
		must(memchr(name.ptr, '=', name.len) == NULL);
		must(memchr(name.ptr, '&', name.len) == NULL);
		must(rest.ptr + rest.len == all.ptr + size);
		behind = rest.ptr;
		must(hx_target_query_decode(&a, name, &out) == 0 && is_utf8(out));
		must(hx_target_query_decode(&a, value, &out) == 0 && is_utf8(out));
	}
	must(rest.len == 0);
	arena_fini(&a);
	return 0;
}
