/*
 * reply: 200, 206, 400 and 416.
 *
 * Called by mount.c, give.c, bindings/plan/file.c and bindings/plan/chunks.c. It says what
 * Starlette's FileResponse says, in the same order of fields. Nothing is read of the file: a reply
 * names the bytes, and whoever sends it reads them.
 */
#include "files/reply.h"

#include <sys/random.h>

#include "base/decimal.h"
#include "files/condition.h"
#include "files/open.h"

enum {
	BOUNDARY_BYTES = 13,
	BOUNDARY = 2 * BOUNDARY_BYTES
};

struct files_reply
files_reply_text(const struct mw_answer *a, struct slice text)
{
	return (struct files_reply){
		.head = *a, .kind = FILES_TEXT, .text = text, .len = text.len
	};
}

void
files_reply_drop(struct files_reply *r)
{
	if (r->file != NULL)
		files_open_release(r->file);
	r->file = NULL;
}

/* The whole file. */
static bool
whole_make(struct files_reply *r, const struct files_asked *q)
{
	r->kind = files_asked_head(q) ? FILES_BARE : FILES_WHOLE;
	r->len = r->kind == FILES_WHOLE ? r->file->size : 0;
	return true;
}

/* A PlainTextResponse with that status, in the place of the file. */
static bool
text_make(struct files_reply *r, struct mw_answer *a, int status, struct slice text)
{
	if (mw_answer_plain(a, status, text) < 0)
		return false;
	files_reply_drop(r);
	*r = files_reply_text(a, text);
	return true;
}

/* "bytes from-last/size", the value of a Content-Range. ptr NULL when out of memory. */
static struct slice
content_range(struct arena *arena, const struct files_range *range, uint64_t size)
{
	char *text = arena_alloc(arena, 9 + 3 * DECIMAL_MAX), *p = text;

	if (text == NULL)
		return SLICE_NULL;
	memcpy(p, "bytes ", 6);
	p += 6;
	p += decimal_put(p, (uint64_t)range->from);
	*p++ = '-';
	p += decimal_put(p, (uint64_t)range->to - 1);
	*p++ = '/';
	p += decimal_put(p, size);
	return (struct slice){ text, (size_t)(p - text) };
}

static bool
beyond_make(struct files_reply *r, const struct files_asked *q)
{
	struct mw_answer a;
	char *text = arena_alloc(q->arena, 8 + DECIMAL_MAX);
	size_t len;

	if (text == NULL || mw_answer_init(&a, q->arena, 416, NULL, 0) < 0)
		return false;
	memcpy(text, "bytes */", 8);
	len = 8 + decimal_put(text + 8, r->file->size);
	return mw_answer_append(&a, SLICE_LIT("content-range"), (struct slice){ text, len }) == 0 &&
	    text_make(r, &a, 416, SLICE_LIT(""));
}

static bool
malformed_make(struct files_reply *r, const struct files_asked *q, struct slice wrong)
{
	struct mw_answer a;

	return mw_answer_init(&a, q->arena, 400, NULL, 0) == 0 &&
	    text_make(r, &a, 400, wrong);
}

/* What one part needs in the head. */
static bool
one_make(struct files_reply *r)
{
	struct slice says = content_range(r->head.arena, &r->parts[0], r->file->size);

	r->len = (uint64_t)(r->parts[0].to - r->parts[0].from);
	return says.ptr != NULL &&
	    mw_answer_set(&r->head, SLICE_LIT("content-range"), says) == 0 &&
	    mw_answer_set_number(&r->head, SLICE_LIT("content-length"), r->len) == 0;
}

/* Concatenate `n` texts. ptr NULL when out of memory. */
static struct slice
join(struct arena *arena, const struct slice *texts, size_t n)
{
	size_t len = 0;
	char *all, *p;

	for (size_t i = 0; i < n; i++)
		len += texts[i].len;
	p = all = arena_alloc(arena, len);
	if (all == NULL)
		return SLICE_NULL;
	for (size_t i = 0; i < n; i++) {
		memcpy(p, texts[i].ptr, texts[i].len);
		p += texts[i].len;
	}
	return (struct slice){ all, len };
}

/* As secrets.token_hex(). ptr NULL: there is no chance, or no memory. */
static struct slice
boundary_new(struct arena *arena)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char chance[BOUNDARY_BYTES];
	char *text = arena_alloc(arena, BOUNDARY);

	if (text == NULL || getrandom(chance, sizeof(chance), 0) != sizeof(chance))
		return SLICE_NULL;
	for (size_t i = 0; i < BOUNDARY_BYTES; i++) {
		text[2 * i] = digits[chance[i] >> 4];
		text[2 * i + 1] = digits[chance[i] & 15];
	}
	return (struct slice){ text, BOUNDARY };
}

/* Write what stands around the parts: a head before each, and a tail. False when out of
 * memory. */
static bool
around_write(struct files_reply *r, struct slice boundary)
{
	struct arena *arena = r->head.arena;
	struct slice type = mw_answer_get(&r->head, SLICE_LIT("content-type"));
	const struct slice tail[] = { SLICE_LIT("--"), boundary, SLICE_LIT("--") };
	struct slice *heads = arena_alloc(arena, r->n_parts * sizeof(*heads));

	r->heads = heads;
	r->tail = join(arena, tail, 3);
	r->len = r->tail.len;
	for (size_t i = 0; heads != NULL && i < r->n_parts; i++) {
		const struct files_range *part = &r->parts[i];
		struct slice says = content_range(arena, part, r->file->size);
		const struct slice head[] = {
			SLICE_LIT("--"), boundary, SLICE_LIT("\r\nContent-Type: "), type,
			SLICE_LIT("\r\nContent-Range: "), says, SLICE_LIT("\r\n\r\n"),
		};

		heads[i] = says.ptr != NULL ? join(arena, head, 7) : SLICE_NULL;
		if (heads[i].ptr == NULL)
			return false;
		r->len += heads[i].len + (uint64_t)(part->to - part->from) + FILES_PART_END.len;
	}
	return heads != NULL && r->tail.ptr != NULL;
}

static bool
many_make(struct files_reply *r)
{
	struct slice boundary = boundary_new(r->head.arena), type;

	if (boundary.ptr == NULL || !around_write(r, boundary))
		return false;
	type = join(r->head.arena, (const struct slice[]){
		SLICE_LIT("multipart/byteranges; boundary="), boundary }, 2);
	return type.ptr != NULL && mw_answer_set(&r->head, SLICE_LIT("content-type"), type) == 0 &&
	    mw_answer_set_number(&r->head, SLICE_LIT("content-length"), r->len) == 0;
}

static bool
parts_make(struct files_reply *r, const struct files_asked *q, const struct files_ranges *ranges)
{
	size_t bytes = ranges->n * sizeof(*ranges->all);
	struct files_range *parts = arena_alloc(q->arena, bytes);

	if (parts == NULL)
		return false;
	memcpy(parts, ranges->all, bytes);
	r->parts = parts;
	r->n_parts = ranges->n;
	r->head.status = 206;
	if (!(ranges->n == 1 ? one_make(r) : many_make(r)))
		return false;
	r->kind = FILES_PARTS;
	if (files_asked_head(q)) {
		r->kind = FILES_BARE;
		r->len = 0;
	}
	return true;
}

/* Do the request's Range and If-Range ask for parts of a file with this head? */
static bool
wants_parts(const struct files_asked *q, const struct mw_answer *a, struct slice range)
{
	struct slice condition = files_asked_field(q, SLICE_LIT("if-range"));

	return a->status == 200 && range.ptr != NULL &&
	    (files_asked_head(q) || files_asked_get(q)) &&
	    (condition.ptr == NULL || files_condition_ranges(condition,
	    mw_answer_get(a, SLICE_LIT("last-modified")), mw_answer_get(a, SLICE_LIT("etag"))));
}

bool
files_reply_make(struct files_reply *r, const struct files_asked *q, const struct mw_answer *a,
    struct hx_file *file)
{
	struct slice range = files_asked_field(q, SLICE_LIT("range"));
	struct files_ranges ranges;

	*r = (struct files_reply){ .head = *a, .file = file };
	if (!wants_parts(q, a, range))
		return whole_make(r, q);
	switch (files_range_read(range, file->size, &ranges)) {
	case FILES_RANGE_WHOLE:
		return whole_make(r, q);
	case FILES_RANGE_BEYOND:
		return beyond_make(r, q);
	case FILES_RANGE_MALFORMED:
		return malformed_make(r, q, ranges.wrong);
	case FILES_RANGE_PARTS:
		return parts_make(r, q, &ranges);
	case FILES_RANGE_UNSURE:
		break;
	}
	return false;
}
