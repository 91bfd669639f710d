/*
 * condition: If-None-Match, If-Modified-Since, If-Range.
 *
 * Called by mount.c and reply.c. A date in the form that servers send is read here; what
 * else Python's parsedate() makes a date of is left to it.
 */
#include "files/condition.h"

#include <string.h>

#include "base/decimal.h"
#include "http/field.h"

static bool
starts_weak(struct slice tag)
{
	return tag.len >= 2 && memcmp(tag.ptr, "W/", 2) == 0;
}

/* Is the entity tag, weak or not, one of those that commas separate? */
static bool
tag_listed(struct slice list, struct slice etag)
{
	const char *end = list.ptr + list.len, *p = list.ptr;

	for (;;) {
		const char *comma = p < end ? memchr(p, ',', (size_t)(end - p)) : NULL;
		struct slice tag = hx_field_strip((struct slice){ p,
		    (size_t)((comma != NULL ? comma : end) - p) });

		if (starts_weak(tag))
			tag = (struct slice){ tag.ptr + 2, tag.len - 2 };
		if (slice_equal(tag, etag))
			return true;
		if (comma == NULL)
			return false;
		p = comma + 1;
	}
}

static bool
is_letter(char c)
{
	unsigned char lower = slice_lower((unsigned char)c);

	return lower >= 'a' && lower <= 'z';
}

/* Is every 9 of `form` a digit, every A a letter, and all else itself? */
static bool
has_form(struct slice text, const char *form)
{
	for (size_t i = 0; i < text.len; i++)
		if (form[i] == '9' ? !decimal_digit(text.ptr[i]) :
		    form[i] == 'A' ? !is_letter(text.ptr[i]) : text.ptr[i] != form[i])
			return false;
	return true;
}

/* The number of the month from 0; -1: no month. */
static int
month_of(const char *name)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	for (int i = 0; i < 12; i++)
		if (memcmp(months + 3 * i, name, 3) == 0)
			return i;
	return -1;
}

/* A date as texts that order as dates do. False: it has another form. */
static bool
date_read(struct slice text, char out[15])
{
	int month;

	if (text.len != HX_DATE_ROOM - 1 || !has_form(text, "AAA, 99 AAA 9999 99:99:99 GMT") ||
	    text.ptr[12] == '0' || (month = month_of(text.ptr + 8)) < 0)
		return false;
	memcpy(out, text.ptr + 12, 4);
	out[4] = (char)('A' + month);
	memcpy(out + 5, text.ptr + 5, 2);
	memcpy(out + 7, text.ptr + 17, 8);
	return true;
}

enum files_condition
files_condition_look(struct slice if_none_match, struct slice if_modified_since,
    const struct files_stamp *stamp)
{
	struct slice modified = files_stamp_modified(stamp);
	char since[15], then[15];

	if (if_none_match.len > 0) {
		bool has = slice_equal(hx_field_strip(if_none_match), SLICE_LIT("*")) ||
		    tag_listed(if_none_match, files_stamp_etag(stamp));

		return has ? FILES_UNCHANGED : FILES_CHANGED;
	}
	if (if_modified_since.ptr == NULL)
		return FILES_CHANGED;
	if (slice_equal(if_modified_since, modified))
		return FILES_UNCHANGED;
	if (!date_read(if_modified_since, since) || !date_read(modified, then))
		return FILES_CHANGE_UNSURE;
	return memcmp(since, then, sizeof(since)) >= 0 ? FILES_UNCHANGED : FILES_CHANGED;
}

bool
files_condition_ranges(struct slice if_range, struct slice modified, struct slice etag)
{
	return !starts_weak(if_range) &&
	    (slice_equal(if_range, modified) || slice_equal(if_range, etag));
}
