/*
 * utf8: one character at a time, or eight bytes where they are ASCII.
 *
 * Called by log.c, master/print_config.c, master/json.c, ctl/text.c, worker/access_put.c, and by http,
 * middleware and bindings/plan for bytes that are not ASCII, which are rare; as it comes by
 * http/closing.c and bindings/websocket.
 */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

#include "base/must.h"

/* How many bytes follow the first of a character, and what the second may be; -1: none begins so. */
static int
begin(unsigned char c, unsigned char *low, unsigned char *high)
{
	*low = 0x80;
	*high = 0xBF;
	if (c < 0x80)
		return 0;
	if (c < 0xC2 || c > 0xF4)
		return -1;
	if (c == 0xE0)
		*low = 0xA0;
	else if (c == 0xED)
		*high = 0x9F;
	else if (c == 0xF0)
		*low = 0x90;
	else if (c == 0xF4)
		*high = 0x8F;
	return c < 0xE0 ? 1 : c < 0xF0 ? 2 : 3;
}

int
utf8_length(const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;
	unsigned char low, high;
	int follow;

	must(len > 0);
	follow = begin(p[0], &low, &high);
	if (follow < 0)
		return -1;
	for (size_t i = 1; i <= (size_t)follow; i++) {
		if (i == len || p[i] < low || p[i] > high)
			return -(int)i;
		low = 0x80;
		high = 0xBF;
	}
	return follow + 1;
}

/* How many bytes at the beginning are ASCII for sure. */
static size_t
ascii_words(const char *p, size_t len)
{
	size_t at = 0;
	uint64_t word;

	for (; at + sizeof(word) <= len; at += sizeof(word)) {
		memcpy(&word, p + at, sizeof(word));
		if ((word & UINT64_C(0x8080808080808080)) != 0)
			break;
	}
	return at;
}

bool
utf8_stream_take(struct utf8_stream *s, const char *p, size_t len)
{
	for (size_t at = 0; at < len; at++) {
		unsigned char c;
		int follow;

		if (s->left == 0) {
			at += ascii_words(p + at, len - at);
			if (at == len)
				break;
		}
		c = (unsigned char)p[at];
		if (s->left == 0) {
			follow = begin(c, &s->low, &s->high);
			if (follow < 0)
				return false;
			s->left = (unsigned char)follow;
		} else if (c < s->low || c > s->high) {
			return false;
		} else {
			s->left--;
			s->low = 0x80;
			s->high = 0xBF;
		}
	}
	return true;
}
