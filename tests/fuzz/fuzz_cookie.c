/*
 * fuzz_cookie: Cookie values of any bytes.
 *
 * Promises: names and values lie in the input, in order; a pair is not empty; an
 * unquoted value is not longer than the quoted.
 */
#include "base/must.h"
#include "http/cookie.h"
#include "tests/fuzz/target.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = { (const char *)data, size }, name, value, out;
	const char *end = (const char *)data + size;
	struct arena a;

	arena_init(&a, 4096);
	while (hx_cookie_next(&rest, &name, &value)) {
		must(name.len > 0 || value.len > 0);
		must(rest.ptr + rest.len == end);
		must(value.len == 0 || (value.ptr >= (const char *)data &&
		    value.ptr + value.len <= rest.ptr));
		must(name.len == 0 || (name.ptr >= (const char *)data &&
		    name.ptr + name.len <= rest.ptr));
		must(hx_cookie_unquote(&a, value, &out) == 0);
		must(out.len <= value.len);
		must(value.len < 2 || *value.ptr != '"' || value.ptr[value.len - 1] != '"' ||
		    out.len <= value.len - 2);
	}
	must(rest.len == 0);
	arena_fini(&a);
	return 0;
}
