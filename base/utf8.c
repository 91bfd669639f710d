/*
 * utf8: one character at a time.
 *
 * Called by log.c, master/print_config.c, worker/access_put.c, and by http, middleware and
 * bindings/plan for bytes that are not ASCII, which are rare.
 */
#include "base/utf8.h"

#include "base/must.h"

int
utf8_length(const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;
	unsigned char c, low = 0x80, high = 0xBF;
	size_t want;

	must(len > 0);
	c = p[0];
	if (c < 0x80)
		return 1;
	if (c < 0xC2 || c > 0xF4)
		return -1;
	want = c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
	/* What the first byte leaves for the second. */
	if (c == 0xE0)
		low = 0xA0;
	else if (c == 0xED)
		high = 0x9F;
	else if (c == 0xF0)
		low = 0x90;
	else if (c == 0xF4)
		high = 0x8F;
	for (size_t i = 1; i < want; i++) {
		if (i == len || p[i] < low || p[i] > high)
			return -(int)i;
		low = 0x80;
		high = 0xBF;
	}
	return (int)want;
}
