/*
 * range: Starlette's FileResponse._parse_range_header() over bytes.
 *
 * Called by reply.c. Values are texts in Latin-1: there, only ASCII has digits, and blanks
 * are those of hx_field_strip(). Numbers are what Python's int() takes: a sign, digits, single
 * underscores between them. It must not allocate.
 */
#include "files/range.h"

#include "base/decimal.h"
#include "http/field.h"

enum {
	DIGITS_SURE = 640	/* Python can be told to refuse longer numbers, not shorter ones */
};

/* What a number beyond a tenth of it is read as. The sum of two is still a number. */
static const int64_t FAR = INT64_C(1) << 62;

enum number { NUMBER, NO_NUMBER, NUMBER_UNSURE };

/* int(s) */
static enum number
number_read(struct slice s, int64_t *out)
{
	bool negative = s.len > 0 && s.ptr[0] == '-', digit = false;
	size_t i = s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+'), digits = 0;
	int64_t value = 0;

	for (; i < s.len; i++) {
		if (s.ptr[i] == '_' && digit) {
			digit = false;
			continue;
		}
		if (!decimal_digit(s.ptr[i]))
			return NO_NUMBER;
		digit = true;
		digits++;
		value = value >= FAR / 10 ? FAR : value * 10 + (s.ptr[i] - '0');
	}
	if (!digit)
		return NO_NUMBER;
	*out = negative ? -value : value;
	return digits > DIGITS_SURE ? NUMBER_UNSURE : NUMBER;
}

/* The text before the first `c`, which *rest then follows. False: there is none. */
static bool
cut(struct slice *rest, char c, struct slice *before)
{
	const char *at = rest->len > 0 ? memchr(rest->ptr, c, rest->len) : NULL;

	if (at == NULL)
		return false;
	*before = (struct slice){ rest->ptr, (size_t)(at - rest->ptr) };
	*rest = (struct slice){ at + 1, rest->len - before->len - 1 };
	return true;
}

/* One of the parts that commas separate. NO_NUMBER: it is ignored. */
static enum number
part_read(struct slice part, int64_t size, struct files_range *out)
{
	struct slice first, last = hx_field_strip(part);
	int64_t from = 0, to = 0;
	enum number read;

	if (!cut(&last, '-', &first))
		return NO_NUMBER;
	first = hx_field_strip(first);
	last = hx_field_strip(last);
	if (first.len == 0) {
		read = number_read(last, &to);
		*out = (struct files_range){ size - to > 0 ? size - to : 0, size };
		return read;
	}
	read = number_read(first, &from);
	*out = (struct files_range){ from, size };
	if (read != NUMBER || last.len == 0)
		return read;
	read = number_read(last, &to);
	if (to < size)
		out->to = to + 1;
	return read;
}

/* Sort the ranges, and make one of those that overlap or touch. */
static void
merge(struct files_ranges *r)
{
	size_t n = 1;

	for (size_t i = 1; i < r->n; i++) {
		struct files_range moved = r->all[i];
		size_t at = i;

		for (; at > 0 && r->all[at - 1].from > moved.from; at--)
			r->all[at] = r->all[at - 1];
		r->all[at] = moved;
	}
	for (size_t i = 1; i < r->n; i++) {
		struct files_range *last = &r->all[n - 1], next = r->all[i];

		if (next.from > last->to)
			r->all[n++] = next;
		else if (next.to > last->to)
			last->to = next.to;
	}
	r->n = n;
}

static enum files_range_verdict
malformed(struct files_ranges *out, struct slice wrong)
{
	out->wrong = wrong;
	return FILES_RANGE_MALFORMED;
}

/* What Starlette looks at when it has them all. */
static enum files_range_verdict
ranges_check(struct files_ranges *out, int64_t size)
{
	if (out->n == 0)
		return malformed(out, SLICE_LIT("Range header: range must be requested"));
	for (size_t i = 0; i < out->n; i++)
		if (out->all[i].from >= size)
			return FILES_RANGE_BEYOND;
	for (size_t i = 0; i < out->n; i++)
		if (out->all[i].from >= out->all[i].to)
			return malformed(out,
			    SLICE_LIT("Range header: start must be less than end"));
	merge(out);
	return FILES_RANGE_PARTS;
}

enum files_range_verdict
files_range_read(struct slice value, uint64_t size, struct files_ranges *out)
{
	struct slice unit, part;
	size_t commas = 0;

	out->n = 0;
	if (size >= (uint64_t)FAR / 10)
		return FILES_RANGE_UNSURE;
	if (!cut(&value, '=', &unit))
		return malformed(out, SLICE_LIT("Malformed range header."));
	if (!slice_equal_lower(hx_field_strip(unit), SLICE_LIT("bytes")))
		return malformed(out, SLICE_LIT("Only support bytes range"));
	for (size_t i = 0; i < value.len; i++)
		commas += value.ptr[i] == ',';
	if (commas + 1 > FILES_MAX_RANGES)
		return FILES_RANGE_WHOLE;
	for (size_t i = 0; i <= commas; i++) {
		if (!cut(&value, ',', &part))
			part = value;
		switch (part_read(part, (int64_t)size, &out->all[out->n])) {
		case NUMBER:
			out->n++;
			break;
		case NO_NUMBER:
			break;
		case NUMBER_UNSURE:
			return FILES_RANGE_UNSURE;
		}
	}
	return ranges_check(out, (int64_t)size);
}
