/*
 * base64: text and bytes.
 *
 * Called by session.c. base64.b64decode() of Python's leaves out what is no character of
 * its own; a text that has any is odd here, whatever Python would make of it. Nothing here
 * allocates.
 */
#include "middleware/base64.h"

#include <stdint.h>

enum { NO_VALUE = 64 };

static const char letters[2][65] = {
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

size_t
mw_base64_text_room(size_t len)
{
	return (len + 2) / 3 * 4;
}

size_t
mw_base64_bytes_room(size_t len)
{
	return len / 4 * 3 + 3;
}

size_t
mw_base64_write(enum mw_base64_kind kind, struct slice bytes, char *out)
{
	const char *of = letters[kind];
	size_t n = 0, i = 0;

	for (; i < bytes.len; i += 3) {
		uint32_t left = (uint32_t)(bytes.len - i);
		uint32_t three = (uint32_t)(unsigned char)bytes.ptr[i] << 16;

		if (left > 1)
			three |= (uint32_t)(unsigned char)bytes.ptr[i + 1] << 8;
		if (left > 2)
			three |= (unsigned char)bytes.ptr[i + 2];
		out[n++] = of[three >> 18];
		out[n++] = of[three >> 12 & 63];
		if (left > 1)
			out[n++] = of[three >> 6 & 63];
		if (left > 2)
			out[n++] = of[three & 63];
	}
	while (kind == MW_BASE64_PADDED && n % 4 != 0)
		out[n++] = '=';
	return n;
}

static unsigned
value_of(enum mw_base64_kind kind, char c)
{
	if (c >= 'A' && c <= 'Z')
		return (unsigned)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (unsigned)(c - 'a') + 26;
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0') + 52;
	if (c == '+' || (kind == MW_BASE64_URL && c == '-'))
		return 62;
	if (c == '/' || (kind == MW_BASE64_URL && c == '_'))
		return 63;
	return NO_VALUE;
}

/* The text without its padding. False: it has not the right one. */
static bool
unpad(struct slice *text)
{
	if (text->len % 4 != 0)
		return false;
	for (int i = 0; i < 2 && text->len > 0 && text->ptr[text->len - 1] == '='; i++)
		text->len--;
	return text->len % 4 != 1;
}

enum mw_base64_verdict
mw_base64_read(enum mw_base64_kind kind, struct slice text, char *out, size_t *len)
{
	uint32_t bits = 0;
	unsigned n_bits = 0;
	size_t n = 0;

	if (kind == MW_BASE64_PADDED && !unpad(&text))
		return MW_BASE64_ODD;
	for (size_t i = 0; i < text.len; i++) {
		unsigned value = value_of(kind, text.ptr[i]);

		if (value == NO_VALUE)
			return MW_BASE64_ODD;
		bits = (bits << 6 | value) & 0xffff;
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			out[n++] = (char)(bits >> n_bits & 0xff);
		}
	}
	*len = n;
	return text.len % 4 == 1 ? MW_BASE64_REFUSED : MW_BASE64_READ;
}
