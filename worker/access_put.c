/*
 * access_put: copies, numbers, and values of clients.
 *
 * Called by access_line.c. Bytes of clients are escaped: a line's end or a quote in them would
 * make another line, or another field.
 */
#include "worker/access_put.h"

#include "base/utf8.h"
#include "base/word.h"

enum { LEAST = 16 };	/* bytes of a value's room */

/* Printable ASCII but the quote and the backslash: it stands for itself everywhere. */
static bool
is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

/* Eight bytes, if they stand for themselves; how many do. */
static size_t
plain_word_copy(char *to, const char *p)
{
	uint64_t w = word_load(p);
	uint64_t marks = word_below(w, 0x20) | word_equal(w, '"') | word_equal(w, '\\') |
	    word_equal(w, 0x7F) | (w & WORD_REPEAT(0x80));

	memcpy(to, p, WORD_BYTES);
	return marks == 0 ? WORD_BYTES : word_first(marks);
}

/* Copy the bytes that stand for themselves; how many. What is behind them in `to` is overwritten, of its
 * `len` bytes. */
static size_t
plain_copy(char *to, const char *p, size_t len)
{
	size_t n = 0, took;

	for (; len - n >= WORD_BYTES; n += WORD_BYTES)
		if ((took = plain_word_copy(to + n, p + n)) < WORD_BYTES)
			return n + took;
	for (; n < len && is_plain((unsigned char)p[n]); n++)
		to[n] = p[n];
	return n;
}

/* The byte at `p`, or the character in JSON, which is not plain; bytes taken. 0: no room. */
static size_t
escape_put(struct worker_access_put *l, const char *p, size_t len, const char *limit)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char c = (unsigned char)*p;
	int seq = l->json ? utf8_length(p, len) : 1;

	if (limit - l->at < 6)
		return 0;
	if (seq > 1) {
		worker_access_put_text(l, p, (size_t)seq);
		return (size_t)seq;
	}
	if (l->json && (c == '"' || c == '\\'))
		worker_access_put_text(l, (char[]){ '\\', (char)c }, 2);
	else if (l->json)
		worker_access_put_text(l, (char[]){ '\\', 'u', '0', '0', digits[c >> 4], digits[c & 15] }, 6);
	else
		worker_access_put_text(l, (char[]){ '\\', 'x', digits[c >> 4], digits[c & 15] }, 4);
	return 1;
}

void
worker_access_put_value(struct worker_access_put *l, struct slice v)
{
	size_t left = (size_t)(l->end - l->at);
	const char *p = v.ptr, *end = p + v.len, *limit;

	must(left > l->kept + LEAST);
	limit = l->at + (left - l->kept) / 2 - 3;
	while (p < end) {
		size_t room = (size_t)(limit - l->at), left_of = (size_t)(end - p), plain, took;

		plain = plain_copy(l->at, p, left_of < room ? left_of : room);
		l->at += plain;
		p += plain;
		if (p == end)
			return;
		took = plain == room ? 0 : escape_put(l, p, (size_t)(end - p), limit);
		if (took == 0) {
			worker_access_put_text(l, "...", 3);
			return;
		}
		p += took;
	}
}
