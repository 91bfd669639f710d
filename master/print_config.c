/*
 * print_config: --print-config.
 *
 * Called by main.c. What is printed is a file for --config: KEY = VALUE  # ORIGIN. What a file
 * may not have is a comment, and so is a secret that is set.
 */
#include "master/print_config.h"

#include <stdio.h>
#include <string.h>

#include "base/conf.h"
#include "base/must.h"
#include "master/conf.h"

/* A growing text of limited room; what does not fit is left out. */
struct text {
	size_t n;
	char bytes[16 * 1024];
};

static void
put(struct text *t, const char *bytes, size_t len)
{
	if (len > sizeof(t->bytes) - 1 - t->n)
		len = sizeof(t->bytes) - 1 - t->n;
	memcpy(t->bytes + t->n, bytes, len);
	t->n += len;
	t->bytes[t->n] = '\0';
}

/* As a TOML string. A character that a string cannot have comes from an environment only. */
static void
put_string(struct text *t, const char *text, size_t len)
{
	put(t, "\"", 1);
	for (size_t i = 0; i < len; i++) {
		char escaped[8];

		if (text[i] == '"' || text[i] == '\\')
			put(t, "\\", 1);
		if ((unsigned char)text[i] >= 0x20 && text[i] != 0x7f)
			put(t, text + i, 1);
		else
			put(t, escaped, (size_t)snprintf(escaped, sizeof(escaped), "\\u%04x",
			    (unsigned)text[i]));
	}
	put(t, "\"", 1);
}

static void
put_list(struct text *t, const char *members, char separator)
{
	put(t, "[", 1);
	while (*members != '\0') {
		const char *end = strchrnul(members, separator);

		put_string(t, members, (size_t)(end - members));
		members = end + (*end != '\0');
		if (*members != '\0')
			put(t, ", ", 2);
	}
	put(t, "]", 1);
}

static void
put_value(struct text *t, const struct conf *values, const struct conf_row *row)
{
	char value[CONF_NAME_BYTES];
	int n;

	switch (row->type) {
	case CONF_TEXT:
		put_string(t, conf_text(values, row), strlen(conf_text(values, row)));
		return;
	case CONF_LIST:
		put_list(t, conf_text(values, row), row->separator);
		return;
	case CONF_WORD:
		conf_word(values, row, value);
		put_string(t, value, strlen(value));
		return;
	case CONF_SWITCH:
		n = snprintf(value, sizeof(value), "%s", conf_number(values, row) != 0 ? "true" : "false");
		break;
	default:
		n = snprintf(value, sizeof(value), "%lld", (long long)conf_number(values, row));
	}
	must(n > 0);
	put(t, value, (size_t)n);
}

/* Where it comes from, as an operator would look for it. */
static void
origin_print(const struct master_conf *c, const struct conf_row *row)
{
	const struct master_origin *origin = &c->origins[row - conf_rows];
	char name[CONF_NAME_BYTES];

	if (origin->where != NULL)
		printf("%s", origin->where);
	else if (origin->kind == ORIGIN_ENVIRONMENT)
		printf("%s", conf_variable(row, name));
	else if (origin->kind == ORIGIN_FLAG)
		printf("--%s", conf_flag(row, name));
	else
		printf("default");
}

void
master_print_config(const struct master_conf *c)
{
	for (size_t i = 0; i < CONF_COUNT; i++) {
		const struct conf_row *row = &conf_rows[i];
		struct text text = { .n = 0 };

		bool hidden = (row->marks & CONF_SECRET) != 0 && *conf_text(&c->values, row) != '\0';

		put(&text, "# ", hidden || (row->marks & CONF_UNFILED) != 0 ? 2 : 0);
		put(&text, row->name, strlen(row->name));
		put(&text, " = ", 3);
		if (hidden)
			put(&text, "(hidden)", 8);
		else
			put_value(&text, &c->values, row);
		printf("%-48s  # ", text.bytes);
		origin_print(c, row);
		printf("\n");
	}
}
