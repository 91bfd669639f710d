/*
 * access: three settings depend on others.
 *
 * Called by room master, which looks whether they can be, and by room worker.
 */
#include "base/access.h"

#include <string.h>

#include "base/log.h"

enum { MODE_AUTO, MODE_ON };	/* in the order of the words of --access-log */

const char *
access_file(const struct conf *c)
{
	return strcmp(c->access_log_file, "-") == 0 ? "" : c->access_log_file;
}

bool
access_wanted(const struct conf *c, bool shown)
{
	if (c->access_log != MODE_AUTO)
		return c->access_log == MODE_ON;
	return *c->access_log_file != '\0' || (shown && c->log_level <= LOG_LEVEL_INFO);
}

const char *
access_format(const struct conf *c)
{
	if (*c->access_log_format != '\0')
		return c->access_log_format;
	if (c->log_format == LOG_FORMAT_JSON)
		return "json";
	return *access_file(c) != '\0' ? "combined" : "line";
}
