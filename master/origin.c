/*
 * origin: of a value, in words.
 *
 * Called by judge.c and logs.c, where a value cannot be, by replies.c, where a child says so (locate), and by
 * print_config.c and settings.c (where).
 */
#include "master/origin.h"

#include <stdio.h>
#include <string.h>

#include "base/conf.h"
#include "master/conf.h"

const char *
master_origin_where(const struct master_conf *c, const struct conf_row *row,
    char out[MASTER_WHERE_BYTES])
{
	const struct master_origin *origin = &c->origins[row - conf_rows];
	char name[CONF_NAME_BYTES];

	if (origin->where != NULL)
		return origin->where;
	if (origin->kind == ORIGIN_ENVIRONMENT)
		return conf_variable(row, out);
	if (origin->kind != ORIGIN_FLAG)
		return "default";
	snprintf(out, MASTER_WHERE_BYTES, "--%s", conf_flag(row, name));
	return out;
}

const char *
master_origin_text(const struct master_conf *c, const struct conf_row *row, const char *value,
    char out[MASTER_ORIGIN_BYTES])
{
	const struct master_origin *origin = &c->origins[row - conf_rows];
	char name[CONF_NAME_BYTES];

	if (origin->kind == ORIGIN_FILE)
		snprintf(out, MASTER_ORIGIN_BYTES, "%.250s: %s = %.200s", origin->where, row->name, value);
	else if (origin->kind == ORIGIN_ENVIRONMENT)
		snprintf(out, MASTER_ORIGIN_BYTES, "%.100s=%.200s",
		    origin->where != NULL ? origin->where : conf_variable(row, name), value);
	else
		snprintf(out, MASTER_ORIGIN_BYTES, "--%s %.250s", conf_flag(row, name), value);
	for (char *p = out; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	return out;
}

const char *
master_origin_locate(const struct master_conf *c, const char *text, char *out, size_t room)
{
	bool flag = strncmp(text, "--", 2) == 0;
	const char *name = flag ? text + 2 : text;
	size_t len = strcspn(name, " :");
	const struct conf_row *row = conf_find(name, len, flag ? '-' : '_');
	const struct master_origin *origin;
	char variable[CONF_NAME_BYTES];

	if (row == NULL || (!flag && (row->marks & CONF_SECRET) == 0))
		return text;
	origin = &c->origins[row - conf_rows];
	if (origin->kind == ORIGIN_FILE)
		snprintf(out, room, "%s: %s%s", origin->where, row->name, name + len);
	else if (origin->kind == ORIGIN_ENVIRONMENT)
		snprintf(out, room, "%s%s", origin->where != NULL ? origin->where :
		    conf_variable(row, variable), name + len);
	else
		return text;
	return out;
}
