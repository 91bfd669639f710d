/*
 * answer: 200, 206, 400 and 416.
 *
 * Called by mount.c and bindings/plan/file.c. It says what Starlette's FileResponse says, in the same
 * order of fields. The bytes of the file pass nobody here: pieces name them, and whoever
 * carries the exchange sends them. Nothing is sent before all of the answer is known.
 */
#include "files/answer.h"

#include <sys/random.h>

#include "base/decimal.h"
#include "base/must.h"
#include "files/condition.h"
#include "files/open.h"
#include "files/range.h"

enum {
	BOUNDARY_BYTES = 13,
	BOUNDARY = 2 * BOUNDARY_BYTES
};

struct slice
files_answer_asked(const struct hx_exchange *x, struct slice name)
{
	return hx_exchange_header_value(x->req.headers, x->req.n_headers, name);
}

/* The call says -1 when the peer is gone, who needs no answer. */
static void
send(struct hx_exchange *x, const struct mw_answer *a, struct hx_piece piece)
{
	(void)x->calls->answer(x, a->status, a->fields, a->n, piece);
}

/* A part of a file; the piece has the caller's reference. */
static struct hx_piece
piece_of(struct hx_file *file, uint64_t from, uint64_t to)
{
	return (struct hx_piece){
		.bytes = { NULL, (size_t)(to - from) },
		.release = files_open_release,
		.arg = file,
		.file = file,
		.at = from,
	};
}

/* One part, or all of it. */
static void
part_give(struct hx_exchange *x, const struct mw_answer *a, struct hx_file *file,
    uint64_t from, uint64_t to)
{
	if (x->is_head || from == to) {
		files_open_release(file);
		send(x, a, (struct hx_piece){ .bytes = SLICE_LIT("") });
	} else {
		send(x, a, piece_of(file, from, to));
	}
}

/* A PlainTextResponse with that status, in the place of the file. */
static bool
text_give(struct hx_exchange *x, struct mw_answer *a, int status, struct slice text,
    struct hx_file *file)
{
	if (mw_answer_plain(a, status, text) < 0)
		return false;
	files_open_release(file);
	send(x, a, (struct hx_piece){ .bytes = text });
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
beyond_give(struct hx_exchange *x, struct hx_file *file)
{
	struct mw_answer a;
	char *text = arena_alloc(&x->arena, 8 + DECIMAL_MAX);
	size_t len;

	if (text == NULL || mw_answer_init(&a, &x->arena, 416, NULL, 0) < 0)
		return false;
	memcpy(text, "bytes */", 8);
	len = 8 + decimal_put(text + 8, file->size);
	return mw_answer_append(&a, SLICE_LIT("content-range"), (struct slice){ text, len }) == 0 &&
	    text_give(x, &a, 416, SLICE_LIT(""), file);
}

static bool
malformed_give(struct hx_exchange *x, struct slice wrong, struct hx_file *file)
{
	struct mw_answer a;

	return mw_answer_init(&a, &x->arena, 400, NULL, 0) == 0 &&
	    text_give(x, &a, 400, wrong, file);
}

static bool
one_give(struct hx_exchange *x, struct mw_answer *a, const struct files_range *range,
    struct hx_file *file)
{
	struct slice says = content_range(a->arena, range, file->size);

	a->status = 206;
	if (says.ptr == NULL || mw_answer_set(a, SLICE_LIT("content-range"), says) < 0 ||
	    mw_answer_set_number(a, SLICE_LIT("content-length"),
	    (uint64_t)(range->to - range->from)) < 0)
		return false;
	part_give(x, a, file, (uint64_t)range->from, (uint64_t)range->to);
	return true;
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

/* What stands around the parts: a head before each, and a tail. */
struct parts {
	const struct files_ranges *ranges;
	struct slice heads[FILES_MAX_RANGES];
	struct slice tail;
	uint64_t len;		/* of all that is sent */
};

/* 0, or -1 when out of memory. */
static int
parts_write(struct parts *parts, struct mw_answer *a, struct slice boundary, uint64_t size)
{
	struct slice type = mw_answer_get(a, SLICE_LIT("content-type"));
	const struct slice tail[] = { SLICE_LIT("--"), boundary, SLICE_LIT("--") };

	parts->tail = join(a->arena, tail, 3);
	if (parts->tail.ptr == NULL)
		return -1;
	parts->len = parts->tail.len;
	for (size_t i = 0; i < parts->ranges->n; i++) {
		const struct files_range *range = &parts->ranges->all[i];
		struct slice says = content_range(a->arena, range, size);
		const struct slice head[] = {
			SLICE_LIT("--"), boundary, SLICE_LIT("\r\nContent-Type: "), type,
			SLICE_LIT("\r\nContent-Range: "), says, SLICE_LIT("\r\n\r\n"),
		};

		if (says.ptr == NULL)
			return -1;
		parts->heads[i] = join(a->arena, head, 7);
		if (parts->heads[i].ptr == NULL)
			return -1;
		parts->len += parts->heads[i].len + (uint64_t)(range->to - range->from) + 2;
	}
	return 0;
}

/* Send the parts; every piece of the file has a reference of its own. */
static void
parts_send(struct hx_exchange *x, const struct parts *parts, struct hx_file *file)
{
	const struct slice line_end = SLICE_LIT("\r\n");

	for (size_t i = 0; i < parts->ranges->n; i++) {
		const struct files_range *range = &parts->ranges->all[i];

		if (x->calls->body(x, (struct hx_piece){ .bytes = parts->heads[i] }, false) < 0)
			return;
		files_open_hold(file);
		if (x->calls->body(x, piece_of(file, (uint64_t)range->from, (uint64_t)range->to),
		    false) < 0 ||
		    x->calls->body(x, (struct hx_piece){ .bytes = line_end }, false) < 0)
			return;
	}
	(void)x->calls->body(x, (struct hx_piece){ .bytes = parts->tail }, true);
}

static bool
many_give(struct hx_exchange *x, struct mw_answer *a, const struct files_ranges *ranges,
    struct hx_file *file)
{
	struct slice boundary = boundary_new(a->arena), type;
	struct parts parts = { .ranges = ranges };

	if (boundary.ptr == NULL || parts_write(&parts, a, boundary, file->size) < 0)
		return false;
	type = join(a->arena, (const struct slice[]){
		SLICE_LIT("multipart/byteranges; boundary="), boundary }, 2);
	a->status = 206;
	if (type.ptr == NULL || mw_answer_set(a, SLICE_LIT("content-type"), type) < 0 ||
	    mw_answer_set_number(a, SLICE_LIT("content-length"), parts.len) < 0)
		return false;
	if (x->is_head)
		send(x, a, (struct hx_piece){ .bytes = SLICE_LIT("") });
	else if (x->calls->head(x, a->status, a->fields, a->n) == 0)
		parts_send(x, &parts, file);
	files_open_release(file);
	return true;
}

/* Do the request's Range and If-Range ask for parts of a file with this head? */
static bool
wants_parts(const struct hx_exchange *x, const struct mw_answer *a, struct slice range)
{
	struct slice condition = files_answer_asked(x, SLICE_LIT("if-range"));

	return a->status == 200 && range.ptr != NULL &&
	    (x->is_head || slice_equal(x->req.method_name, SLICE_LIT("GET"))) &&
	    (condition.ptr == NULL || files_condition_ranges(condition,
	    mw_answer_get(a, SLICE_LIT("last-modified")), mw_answer_get(a, SLICE_LIT("etag"))));
}

bool
files_answer_give(struct hx_exchange *x, struct mw_answer *a, struct hx_file *file)
{
	struct slice range = files_answer_asked(x, SLICE_LIT("range"));
	struct files_ranges ranges;

	switch (wants_parts(x, a, range) ? files_range_read(range, file->size, &ranges) :
	    FILES_RANGE_WHOLE) {
	case FILES_RANGE_WHOLE:
		part_give(x, a, file, 0, file->size);
		return true;
	case FILES_RANGE_BEYOND:
		return beyond_give(x, file);
	case FILES_RANGE_MALFORMED:
		return malformed_give(x, ranges.wrong, file);
	case FILES_RANGE_UNSURE:
		return false;
	case FILES_RANGE_PARTS:
		break;
	}
	return ranges.n == 1 ? one_give(x, a, &ranges.all[0], file) :
	    many_give(x, a, &ranges, file);
}
