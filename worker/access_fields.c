/*
 * access_fields: fields that are read for the access log alone.
 *
 * Called by access_line.c. What is malformed counts as absent.
 */
#include "worker/access_fields.h"

#include <stdbool.h>
#include <string.h>

#include "base/decimal.h"

struct slice
worker_access_fields_user(struct slice v, char name[WORKER_ACCESS_FIELDS_USER])
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned bits = 0, held = 0;
	size_t n = 0;

	if (v.len < 6 || !slice_equal_lower((struct slice){ v.ptr, 6 }, SLICE_LIT("basic ")))
		return SLICE_NULL;
	for (size_t i = 6; i < v.len && n < WORKER_ACCESS_FIELDS_USER; i++) {
		const char *digit = memchr(digits, v.ptr[i], sizeof(digits) - 1);

		if (digit == NULL)
			break;
		bits = bits << 6 | (unsigned)(digit - digits);
		held += 6;
		if (held < 8)
			continue;
		held -= 8;
		name[n] = (char)(bits >> held & 0xFF);
		if (name[n] == ':')
			break;
		n++;
	}
	return (struct slice){ name, n };
}

struct slice
worker_access_fields_trace(struct slice v)
{
	bool zero = true;

	if (v.len < 55 || v.ptr[2] != '-' || v.ptr[35] != '-' || v.ptr[52] != '-')
		return SLICE_NULL;
	for (int i = 3; i < 35; i++) {
		if (!decimal_digit(v.ptr[i]) && (v.ptr[i] < 'a' || v.ptr[i] > 'f'))
			return SLICE_NULL;
		zero = zero && v.ptr[i] == '0';
	}
	return zero ? SLICE_NULL : (struct slice){ v.ptr + 3, 32 };
}
