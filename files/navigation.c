/*
 * navigation: an Accept field as FastAPI's frontends read it.
 *
 * Called by mount.c. FastAPI reads each member with Python's email package, which knows comments,
 * quotes and encodings. A field that has anything but plain words in it is left to that.
 */
#include "files/navigation.h"

#include <stdbool.h>

/* Letters, digits and what else stands in the words of a usual field. */
static bool
is_plain(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c != '\0' && strchr("/*+-._;,= ", c) != NULL);
}

/* The text up to `end`, without blanks around it; *rest is what stands behind. */
static struct slice
part_take(struct slice *rest, char end)
{
	const char *at = rest->len > 0 ? memchr(rest->ptr, end, rest->len) : NULL;
	size_t len = at != NULL ? (size_t)(at - rest->ptr) : rest->len;
	struct slice part = { rest->ptr, len };

	rest->ptr += len + (at != NULL);
	rest->len -= len + (at != NULL);
	while (part.len > 0 && part.ptr[0] == ' ')
		part = (struct slice){ part.ptr + 1, part.len - 1 };
	while (part.len > 0 && part.ptr[part.len - 1] == ' ')
		part.len--;
	return part;
}

/* Is it digits, with one point at most, all of them 0? UNSURE: it is no such number. */
static enum files_navigation
quality_look(struct slice number)
{
	enum files_navigation found = FILES_NAVIGATES_NOT;
	size_t digits = 0, points = 0;

	number = part_take(&number, ';');
	for (size_t i = 0; i < number.len; i++) {
		char c = number.ptr[i];

		if (c >= '1' && c <= '9')
			found = FILES_NAVIGATES;
		digits += c >= '0' && c <= '9';
		points += c == '.';
	}
	return digits > 0 && points <= 1 && digits + points == number.len ? found :
	    FILES_NAVIGATION_UNSURE;
}

/* One member of the field. */
static enum files_navigation
member_look(struct slice member)
{
	struct slice type = part_take(&member, ';'), name, value;

	if (!slice_equal_lower(type, SLICE_LIT("text/html")) &&
	    !slice_equal_lower(type, SLICE_LIT("application/xhtml+xml")))
		return FILES_NAVIGATES_NOT;
	while (member.len > 0) {
		value = part_take(&member, ';');
		name = part_take(&value, '=');
		if (slice_equal_lower(name, SLICE_LIT("q")))
			return quality_look(value);
		/* A parameter may come in pieces, and encoded. */
		if (name.len > 0 && memchr(name.ptr, '*', name.len) != NULL)
			return FILES_NAVIGATION_UNSURE;
	}
	return FILES_NAVIGATES;
}

enum files_navigation
files_navigation_look(struct slice accept)
{
	enum files_navigation found = FILES_NAVIGATES_NOT;

	for (size_t i = 0; i < accept.len; i++)
		if (!is_plain(accept.ptr[i]))
			return FILES_NAVIGATION_UNSURE;
	while (accept.len > 0 && found == FILES_NAVIGATES_NOT)
		found = member_look(part_take(&accept, ','));
	return found;
}
