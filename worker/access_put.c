/*
 * access_put: copies, numbers, and values of clients.
 *
 * Called by access_line.c. Bytes of clients are escaped: a line's end or a quote in them would
 * make another line, or another field.
 */
#include "worker/access_put.h"

#include <string.h>

#include "base/decimal.h"
#include "base/must.h"
#include "base/utf8.h"

enum { LEAST = 16 };	/* bytes of a value's room */

/* Bytes that stand for themselves everywhere: printable ASCII but the quote and the backslash. */
static bool
is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

void
worker_access_put_text(struct worker_access_put *l, const char *bytes, size_t len)
{
	must(len <= (size_t)(l->end - l->at));
	memcpy(l->at, bytes, len);
	l->at += len;
}

void
worker_access_put_number(struct worker_access_put *l, uint64_t n)
{
	must(l->end - l->at >= DECIMAL_MAX);
	l->at += decimal_put(l->at, n);
}

void
worker_access_put_thousandths(struct worker_access_put *l, uint64_t n)
{
	worker_access_put_number(l, n / 1000);
	worker_access_put_text(l, (char[]){ '.', (char)('0' + n / 100 % 10), (char)('0' + n / 10 % 10),
	    (char)('0' + n % 10) }, 4);
}

void
worker_access_put_unknown(struct worker_access_put *l, const char *in_json)
{
	if (l->json)
		worker_access_put_text(l, in_json, strlen(in_json));
	else
		worker_access_put_text(l, "-", 1);
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
		const char *plain = p;
		size_t took;

		while (p < end && is_plain((unsigned char)*p) && p - plain < limit - l->at)
			p++;
		worker_access_put_text(l, plain, (size_t)(p - plain));
		if (p == end)
			return;
		took = is_plain((unsigned char)*p) ? 0 : escape_put(l, p, (size_t)(end - p), limit);
		if (took == 0) {
			worker_access_put_text(l, "...", 3);
			return;
		}
		p += took;
	}
}
