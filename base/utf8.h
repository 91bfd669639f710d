/*
 * utf8: is this well-formed UTF-8?
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>

/* The length, 1 to 4, of the character that begins at `p`, which has `len` bytes, at
 * least one. When it is ill-formed or cut off, minus the length, 1 to 3, of the part
 * that one U+FFFD stands for (the "maximal subpart" of Unicode chapter 3.9, as in
 * CPython). Surrogates, overlong forms and what is above U+10FFFF are ill-formed
 * (RFC 3629 section 4). */
int utf8_length(const char *p, size_t len);

#endif
