/*
 * header: which fields the setting `header` may have.
 *
 * Called by master/judge.c, which knows where the setting stands, and by engine/settings.c for an
 * application that serves itself.
 */
#include "base/header.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Fields that say where an answer ends, or what becomes of its connection: two of them, or a wrong
 * one, let a proxy take a part of one answer for the next. */
static const char *const framing[] = { "content-length", "transfer-encoding", "connection", "keep-alive",
	"proxy-connection", "te", "trailer", "upgrade" };

static bool
is_token(const char *text, size_t len)
{
	static const char bytes[] = "!#$%&'*+-.^_`|~0123456789"
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	for (size_t i = 0; i < len; i++)
		if (text[i] == '\0' || strchr(bytes, text[i]) == NULL)
			return false;
	return len > 0;
}

static bool
is_named(const char *line, size_t len, const char *name)
{
	return strlen(name) == len && strncasecmp(line, name, len) == 0;
}

bool
header_may_be(const char *line, size_t len, char why[HEADER_WHY_BYTES])
{
	const char *colon = memchr(line, ':', len);
	size_t name_len = colon != NULL ? (size_t)(colon - line) : 0;
	bool good = is_token(line, name_len);

	for (size_t i = name_len; i < len; i++)
		good &= ((unsigned char)line[i] >= ' ' && line[i] != 0x7f) || line[i] == '\t';
	if (!good) {
		snprintf(why, HEADER_WHY_BYTES, "want a field such as 'X-Served-By: shop'");
		return false;
	}
	if (is_named(line, name_len, "date")) {
		snprintf(why, HEADER_WHY_BYTES,
		    "answers have a date of their own, which --no-date-header leaves out");
		return false;
	}
	for (size_t i = 0; i < sizeof(framing) / sizeof(framing[0]); i++)
		if (is_named(line, name_len, framing[i])) {
			snprintf(why, HEADER_WHY_BYTES,
			    "%s frames answers, which is the server's work; leave it out", framing[i]);
			return false;
		}
	return true;
}
