/*
 * decimal: numbers as text, for content lengths and JSON.
 */
#ifndef BASE_DECIMAL_H
#define BASE_DECIMAL_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { DECIMAL_MAX = 20 };	/* digits of the largest number */

/* The digits of `v` into `out`, which has room for DECIMAL_MAX; their number.
 * Nothing is terminated. */
static inline size_t
decimal_put(char *out, uint64_t v)
{
	char digits[DECIMAL_MAX];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v != 0);
	memcpy(out, digits + at, sizeof(digits) - at);
	return sizeof(digits) - at;
}

#endif
