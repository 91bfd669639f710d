/*
 * reply: the answer from a file, before anybody sends it.
 */
#ifndef FILES_REPLY_H
#define FILES_REPLY_H

#include "base/attr.h"
#include "files/asked.h"
#include "files/range.h"
#include "http/exchange.h"
#include "middleware/answer.h"

enum files_kind {
	FILES_TEXT,	/* `text` is the content */
	FILES_BARE,	/* no content: the method is HEAD */
	FILES_WHOLE,	/* the file, up to its end */
	FILES_PARTS	/* parts of it; several stand between `heads` and `tail` */
};

struct files_reply {
	struct mw_answer head;
	enum files_kind kind;
	struct slice text;
	struct hx_file *file;		/* strong, whatever the kind; NULL: there is none */
	const struct files_range *parts;	/* in the arena */
	size_t n_parts;
	const struct slice *heads;	/* what stands before each part; NULL for a single one */
	struct slice tail;		/* behind the last one */
	uint64_t len;			/* of the content */
};

/* The bytes between a part, and the next head or the tail. */
#define FILES_PART_END SLICE_LIT("\r\n")

/* The answer to q with an open file, as Starlette's FileResponse makes it. `a` is the head of
 * the whole file; Range and If-Range are looked at when its status is 200. The reply takes the
 * file in any case. False: it cannot be made. */
bool files_reply_make(struct files_reply *r, const struct files_asked *q,
    const struct mw_answer *a, struct hx_file *file) MUST_CHECK;

/* A reply with that text and head, without a file. */
struct files_reply files_reply_text(const struct mw_answer *a, struct slice text);

/* Let go of the file. */
void files_reply_drop(struct files_reply *r);

#endif
