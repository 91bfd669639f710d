/*
 * text: texts in Latin-1, as Starlette reads fields.
 */
#ifndef MIDDLEWARE_TEXT_H
#define MIDDLEWARE_TEXT_H

#include "base/slice.h"

/* Python's str.lower() below U+0100. */
static inline unsigned char
mw_text_lower(unsigned char c)
{
	bool upper = (c >= 'A' && c <= 'Z') || (c >= 0xC0 && c <= 0xDE && c != 0xD7);

	return upper ? (unsigned char)(c + 0x20) : c;
}

/* Equality with `b`, which is in lower case. */
static inline bool
mw_text_equal_lower(struct slice a, struct slice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (mw_text_lower((unsigned char)a.ptr[i]) != (unsigned char)b.ptr[i])
			return false;
	return true;
}

#endif
