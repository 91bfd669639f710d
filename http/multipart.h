/*
 * multipart: the parts of a multipart/form-data content (RFC 7578, RFC 2046), as they come.
 *
 * What is a part, and what is malformed, is as python-multipart reads the same pieces. How the
 * bytes are cut changes nothing but what may stand before the first boundary: a piece in which that
 * has not begun must begin with it, or with a line break. Of a part that the content does not end
 * there is no PART_END; it does not count.
 */
#ifndef HTTP_MULTIPART_H
#define HTTP_MULTIPART_H

#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"

enum {
	HX_MULTIPART_BOUNDARY = 256,	/* longest boundary */
	HX_MULTIPART_FIELDS = 8,	/* most field lines of a part */
	HX_MULTIPART_LINE = 4224,	/* longest of them: name, colon, blanks, value */
};

/* One field line of a part: the name in lower case. */
struct hx_multipart_field {
	struct slice name, value;
};

enum hx_multipart_state {
	HX_MULTIPART_START,		/* no hyphen yet */
	HX_MULTIPART_FIRST,		/* in the first boundary */
	HX_MULTIPART_FIRST_CR,		/* behind it */
	HX_MULTIPART_FIRST_LF,
	HX_MULTIPART_FIRST_LAST,	/* "--boundary-" */
	HX_MULTIPART_FIELD,		/* the start of a field line, or of the empty line */
	HX_MULTIPART_NAME,
	HX_MULTIPART_BLANKS,		/* before the value */
	HX_MULTIPART_VALUE,
	HX_MULTIPART_VALUE_LF,
	HX_MULTIPART_FIELDS_LF,		/* of the empty line */
	HX_MULTIPART_CONTENT,
	HX_MULTIPART_PADDING,		/* blanks behind a boundary */
	HX_MULTIPART_PADDING_LF,
	HX_MULTIPART_EPILOGUE,		/* everything has come */
};

enum hx_multipart_event {
	HX_MULTIPART_MORE,	/* all bytes used */
	HX_MULTIPART_PART,	/* a part begins: its field lines, until the next one does */
	/* *data is content of the part, valid until the next call. It stands in `buf`; or it
	 * starts at m->delimiter and is a copy of the bytes that came last, up to buf[*used]. */
	HX_MULTIPART_DATA,
	HX_MULTIPART_PART_END,
	HX_MULTIPART_MALFORMED,	/* or out of memory; the end */
};

struct hx_multipart {
	enum hx_multipart_state state;
	/* CRLF "--" boundary, and the byte that came behind it. */
	char delimiter[4 + HX_MULTIPART_BOUNDARY + 1];
	size_t delimiter_len;
	size_t matched;			/* its bytes that stand at the end of what came */
	/* The field lines of the part: name, value, name, value, one behind the other. */
	char *lines;
	size_t lines_len, lines_cap;
	size_t line_len;		/* of the line in hand, as it is limited */
	unsigned n_fields;
	struct {
		size_t name, value;	/* where each ends in `lines` */
	} ends[HX_MULTIPART_FIELDS];
};

/* 0; -1: no boundary is so long. */
int hx_multipart_init(struct hx_multipart *m, struct slice boundary) MUST_CHECK;

void hx_multipart_fini(struct hx_multipart *m);

/* Take bytes from buf[0 .. len), *used of them, up to the next event. After another event
 * than MORE call it again with the rest, which may be empty. */
enum hx_multipart_event hx_multipart_feed(struct hx_multipart *m, const char *buf, size_t len,
    size_t *used, struct slice *data) MUST_CHECK;

/* The field lines of the part, by their number, in their order. */
struct hx_multipart_field hx_multipart_field(const struct hx_multipart *m, unsigned i);

/* The value of the last field line of that name; `ptr` is NULL when there is none. */
struct slice hx_multipart_value(const struct hx_multipart *m, struct slice name);

#endif
