/*
 * base64: bytes as text (RFC 4648), read as Python reads them.
 */
#ifndef MIDDLEWARE_BASE64_H
#define MIDDLEWARE_BASE64_H

#include "base/attr.h"
#include "base/slice.h"

enum mw_base64_kind {
	MW_BASE64_PADDED,	/* of '+' and '/', with '=' at the end */
	MW_BASE64_URL		/* of '-' and '_', without */
};

enum mw_base64_verdict {
	MW_BASE64_READ,
	MW_BASE64_REFUSED,	/* Python refuses it */
	MW_BASE64_ODD		/* Python may leave something out, or refuse it */
};

/* Room for the text of `len` bytes, and for the bytes of a text of `len`. */
size_t mw_base64_text_room(size_t len);
size_t mw_base64_bytes_room(size_t len);

/* Write the text of `bytes`; its length. */
size_t mw_base64_write(enum mw_base64_kind kind, struct slice bytes, char *out);

/* Read a text into `out`; out->len is then the number of bytes. A URL's text may have the
 * characters of the other kind, too, as in Python. */
enum mw_base64_verdict mw_base64_read(enum mw_base64_kind kind, struct slice text, char *out,
    size_t *len) MUST_CHECK;

#endif
