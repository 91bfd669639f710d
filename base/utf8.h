/*
 * utf8: is this well-formed UTF-8? At once, or as it comes.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* The length, 1 to 4, of the character that begins at `p`, which has `len` bytes, at
 * least one. When it is ill-formed or cut off, minus the length, 1 to 3, of the part
 * that one U+FFFD stands for (the "maximal subpart" of Unicode chapter 3.9, as in
 * CPython). Surrogates, overlong forms and what is above U+10FFFF are ill-formed
 * (RFC 3629 section 4). */
int utf8_length(const char *p, size_t len);

/* Text that comes in pieces, which may end within a character. All zero at its beginning. */
struct utf8_stream {
	unsigned char left;		/* bytes that are due of a character that has begun */
	unsigned char low, high;	/* what the next of them may be */
};

/* The next piece of the text. False: it is ill-formed, whatever may follow. */
bool utf8_stream_take(struct utf8_stream *s, const char *p, size_t len);

/* Does the text end behind a character? */
static inline bool
utf8_stream_is_whole(const struct utf8_stream *s)
{
	return s->left == 0;
}

#endif
