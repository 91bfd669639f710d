/*
 * decimal: unsigned numbers as text, and back.
 */
#ifndef BASE_DECIMAL_H
#define BASE_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/attr.h"

enum {
	DECIMAL_MAX = 20,	/* digits of the largest number */
	DECIMAL_READ_MAX = 18	/* digits that are read: no sum of a few can wrap */
};

static inline bool
decimal_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The last `n` digits of `v`, with the zeros before them, into `out`. */
static inline void
decimal_put_padded(char *out, uint64_t v, size_t n)
{
	for (; n > 0; v /= 10)
		out[--n] = (char)('0' + v % 10);
}

/* The digits of `v` into `out`, which has room for DECIMAL_MAX; their number.
 * Nothing is terminated. */
static inline size_t
decimal_put(char *out, uint64_t v)
{
	size_t n = 1;

	for (uint64_t more = 10; n < DECIMAL_MAX && v >= more; more *= 10)
		n++;
	decimal_put_padded(out, v, n);
	return n;
}

/* The number that `text` is: digits and nothing else, at least one and at most
 * DECIMAL_READ_MAX. False, *out untouched, when it is none. */
MUST_CHECK static inline bool
decimal_read(const char *text, size_t len, uint64_t *out)
{
	uint64_t v = 0;

	if (len == 0 || len > DECIMAL_READ_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!decimal_digit(text[i]))
			return false;
		v = v * 10 + (uint64_t)(text[i] - '0');
	}
	*out = v;
	return true;
}

#endif
