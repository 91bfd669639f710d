/*
 * slice: a borrowed run of bytes, pointer and length, no terminator.
 *
 * A slice does not own its bytes. The function that hands one out says how long the
 * bytes stay valid. Nothing here allocates or frees.
 */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
	const char *ptr;
	size_t len;
};

#define SLICE_LIT(s) ((struct slice){ (s), sizeof(s) - 1 })
#define SLICE_NULL ((struct slice){ NULL, 0 })

/* Byte-wise equality; two empty slices are equal whatever they point to. */
static inline bool
slice_equal(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* ASCII lower case of one byte; bytes outside A-Z are returned unchanged. */
static inline unsigned char
slice_lower(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') ? (unsigned char)(c | 0x20) : c;
}

/* Equality that ignores ASCII case. `b` must already be lower case. */
static inline bool
slice_equal_lower(struct slice a, struct slice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (slice_lower((unsigned char)a.ptr[i]) != (unsigned char)b.ptr[i])
			return false;
	return true;
}

#endif
