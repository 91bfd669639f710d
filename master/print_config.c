/*
 * print_config: --print-config.
 *
 * Called by main.c. What is printed is a file for --config: KEY = VALUE  # ORIGIN. It says the same
 * wherever it is put: its paths are whole. What a file may not have is a comment, and so is a secret
 * that is set.
 */
#include "master/print_config.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/must.h"
#include "base/utf8.h"
#include "master/address.h"
#include "master/conf.h"
#include "master/origin.h"

enum { ORIGIN_COLUMN = 48 };

/* A line on standard output. */
struct line {
	size_t n;		/* bytes so far */
	char here[PATH_MAX + 1];	/* the current directory and a slash */
};

static void
put(struct line *l, const char *bytes, size_t len)
{
	l->n += fwrite(bytes, 1, len, stdout);
}

/* The inside of a TOML string. */
static void
put_bytes(struct line *l, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char escaped[8];

		if (text[i] == '"' || text[i] == '\\')
			put(l, "\\", 1);
		if ((unsigned char)text[i] >= 0x20 && text[i] != 0x7f)
			put(l, text + i, 1);
		else
			put(l, escaped, (size_t)snprintf(escaped, sizeof(escaped), "\\u%04x",
			    (unsigned)text[i]));
	}
}

/* A TOML string. `before`, at its beginning, is a prefix of a path. */
static void
put_string(struct line *l, const char *before, const char *text, size_t len)
{
	bool relative = before != NULL && len > 0 && text[0] != '/';

	put(l, "\"", 1);
	if (before != NULL)
		put_bytes(l, before, strlen(before));
	if (relative)
		put_bytes(l, l->here, strlen(l->here));
	put_bytes(l, text, len);
	put(l, "\"", 1);
}

/* One text of a row: a path is whole, or its own name, as `python3` and `-` are. */
static void
put_text(struct line *l, const struct conf_row *row, const char *text, size_t len)
{
	bool named = (len == 1 && text[0] == '-') ||
	    (row == &conf_rows[CONF_python] && memchr(text, '/', len) == NULL);

	if ((row->marks & CONF_SOCKETS) != 0 && len > 5 && strncmp(text, "unix:", 5) == 0)
		put_string(l, "unix:", text + 5, len - 5);
	else
		put_string(l, (row->marks & CONF_PATH) != 0 && !named ? "" : NULL, text, len);
}

static void
put_list(struct line *l, const struct conf_row *row, const char *members)
{
	put(l, "[", 1);
	while (*members != '\0') {
		const char *end = strchrnul(members, row->separator);

		put_text(l, row, members, (size_t)(end - members));
		members = end + (*end != '\0');
		if (*members != '\0')
			put(l, ", ", 2);
	}
	put(l, "]", 1);
}

static void
put_value(struct line *l, const struct conf *values, const struct conf_row *row)
{
	char value[CONF_NAME_BYTES];
	int n;

	switch (row->type) {
	case CONF_TEXT:
		put_text(l, row, conf_text(values, row), strlen(conf_text(values, row)));
		return;
	case CONF_LIST:
		put_list(l, row, conf_text(values, row));
		return;
	case CONF_WORD:
		conf_word(values, row, value);
		put_string(l, NULL, value, strlen(value));
		return;
	case CONF_SWITCH:
		n = snprintf(value, sizeof(value), "%s", conf_number(values, row) != 0 ? "true" : "false");
		break;
	default:
		n = (int)conf_print(values, row, value, sizeof(value));
	}
	must(n > 0);
	put(l, value, (size_t)n);
}

/* May a file have it? Its text has no control characters, and is UTF-8. */
static bool
may_be_filed(const struct conf *values, const struct conf_row *row)
{
	const char *text = conf_is_text(row) ? conf_text(values, row) : "";
	size_t len = strlen(text);

	for (size_t i = 0; i < len;) {
		int n = utf8_length(text + i, len - i);
		bool between = row->type == CONF_LIST && text[i] == row->separator;

		if (n < 0 || text[i] == 0x7f || ((unsigned char)text[i] < ' ' && text[i] != '\t' && !between))
			return false;
		i += (size_t)n;
	}
	return (row->marks & CONF_UNFILED) == 0;
}

static bool
is_hidden(const struct conf *values, const struct conf_row *row)
{
	return (row->marks & CONF_SECRET) != 0 && *conf_text(values, row) != '\0';
}

void
master_print_config(const struct master_conf *c)
{
	struct conf values = c->values;
	char here[PATH_MAX] = "", name[MASTER_WHERE_BYTES];
	struct line line;

	if (getcwd(here, sizeof(here)) == NULL)
		here[0] = '\0';
	snprintf(line.here, sizeof(line.here), strcmp(here, "/") == 0 ? "%s" : "%s/", here);
	/* From there the application is imported, wherever the file is. */
	if (*values.app != '\0' && *values.app_dir == '\0')
		values.app_dir = here;
	for (size_t i = 0; i < CONF_COUNT; i++) {
		const struct conf_row *row = &conf_rows[i];

		line.n = 0;
		put(&line, "# ", may_be_filed(&values, row) && !is_hidden(&values, row) ? 0 : 2);
		put(&line, row->name, strlen(row->name));
		put(&line, " = ", 3);
		if (is_hidden(&values, row))
			put(&line, "(hidden)", 8);
		else
			put_value(&line, &values, row);
		printf("%*s  # ", line.n < ORIGIN_COLUMN ? (int)(ORIGIN_COLUMN - line.n) : 0, "");
		printf("%s\n", master_origin_where(c, row, name));
	}
}
