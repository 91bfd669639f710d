/*
 * flags: from a word of the command line to a setting.
 *
 * Called by conf.c. The settings are the rows of base/conf_keys.def; a flag that is none
 * of them is foreign.c's to know. One that is not served is refused with the reason,
 * never ignored. What is wrong is one line.
 */
#include "master/flags.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "master/conf.h"
#include "master/foreign.h"

/* A flag as it stands on the command line. */
struct typed {
	const char *name;	/* without dashes, `len` bytes */
	size_t len;
	const char *dashes;
	const char *value;	/* behind its `=`, or its letter; NULL: none */
	const char *next;	/* the argument after it */
};

/* Settings that have a letter, gunicorn's. */
static const struct {
	char letter;
	const char *name;
} letters[] = { { 'w', "workers" }, { 'c', "config" },
	{ 'b', "bind" } };

static struct typed
typed_of(const char *arg, const char *next)
{
	struct typed t = { .name = arg + 1, .dashes = "-", .next = next };

	if (arg[1] == '-') {
		t.name = arg + 2;
		t.dashes = "--";
		t.len = strcspn(t.name, "=");
		t.value = t.name[t.len] == '=' ? t.name + t.len + 1 : NULL;
		return t;
	}
	t.len = arg[1] != '\0';
	t.value = t.len > 0 && arg[2] != '\0' ? arg + 2 + (arg[2] == '=') : NULL;
	for (size_t i = 0; t.len > 0 && i < sizeof(letters) / sizeof(letters[0]); i++)
		if (arg[1] == letters[i].letter) {
			t.name = letters[i].name;
			t.len = strlen(t.name);
			break;
		}
	return t;
}

static struct master_flag
wrong(int took)
{
	return (struct master_flag){ .took = took, .wrong = true };
}

/* Reads it as module:attribute? */
static bool
names_application(const char *text)
{
	size_t colon = strcspn(text, ":");
	const char *p = text;

	if (colon == 0 || text[colon] == '\0' || isdigit((unsigned char)text[0]) ||
	    (!isalpha((unsigned char)text[colon + 1]) && text[colon + 1] != '_'))
		return false;
	while (isalnum((unsigned char)*p) || *p == '_' || *p == '.' || p == text + colon)
		p++;
	return *p == '\0' || strcmp(p, "()") == 0;
}

/* May the next argument be a value? Not when it reads as a flag, or as the application unless
 * values do (`colons`): a value that does is given with `=`. */
static bool
is_value(const char *next, bool colons)
{
	return next != NULL && (colons || !names_application(next)) &&
	    (next[0] != '-' || next[1] == '\0' || isdigit((unsigned char)next[1]));
}

/* A setting's flag. */
static struct master_flag
row_read(struct master_conf *c, const struct conf_row *row, const struct typed *t)
{
	const struct master_origin origin = { .kind = ORIGIN_FLAG };
	const char *value = t->value;
	struct master_flag flag = { .took = 1 };
	char why[CONF_WHY_BYTES], name[CONF_NAME_BYTES];

	conf_flag(row, name);
	if (value == NULL && conf_is_switch(row)) {
		value = "1";
	} else if (value == NULL) {
		if (!is_value(t->next, (row->marks & CONF_COLONS) != 0)) {
			fprintf(stderr, "fastrd: --%s wants a value: --%s %s\n", name, name,
			    row->argument);
			return wrong(1);
		}
		value = t->next;
		flag.took = 2;
	}
	if (master_conf_set(c, row, value, origin, true, why) < 0) {
		fprintf(stderr, "fastrd: --%s%c%s: %s\n", name, flag.took == 2 ? ' ' : '=', value,
		    why);
		flag.wrong = true;
	}
	return flag;
}

/* The row of a switch that --no-NAME puts off; NULL: it is none. */
static const struct conf_row *
row_put_off(const struct typed *t)
{
	const struct conf_row *row = t->len > 3 && strncmp(t->name, "no-", 3) == 0 ?
	    conf_find(t->name + 3, t->len - 3, '-') : NULL;

	return row != NULL && conf_is_switch(row) && t->value == NULL ? row : NULL;
}

/* One that is no setting. */
static struct master_flag
foreign_read(const struct typed *t)
{
	const struct master_foreign *row = t->len > 0 ? master_foreign_find(t->name, t->len) : NULL;
	bool valued = row != NULL && row->takes_value && t->value == NULL && is_value(t->next, false);
	const char *value = valued ? t->next : t->value;

	if (row != NULL && value != NULL && master_foreign_accepts(row, value))
		return (struct master_flag){ .took = valued ? 2 : 1 };

	if (row != NULL ? row->why == NULL : master_foreign_put_off(t->name, t->len))
		return (struct master_flag){ .took = 1 };
	if (row == NULL)
		master_foreign_unknown(t->name, t->len);
	else
		fprintf(stderr, "fastrd: %s%.*s: %s\n", t->dashes, (int)t->len, t->name, row->why);
	return wrong(valued ? 2 : 1);
}

/* -port instead of --port. */
static bool
wants_two_dashes(const char *arg)
{
	size_t len = strcspn(arg + 1, "=");

	if (arg[1] == '-' || len < 2 || conf_find(arg + 1, len, '-') == NULL)
		return false;
	fprintf(stderr, "fastrd: unknown flag -%.*s; did you mean --%.*s?\n", (int)len, arg + 1,
	    (int)len, arg + 1);
	return true;
}

struct master_flag
master_flag_read(struct master_conf *c, const char *arg, const char *next)
{
	struct typed t = typed_of(arg, next);
	const struct conf_row *row = t.len > 1 ? conf_find(t.name, t.len, '-') : NULL;
	char why[CONF_WHY_BYTES];

	if (row != NULL && (row->marks & CONF_UNFLAGGED) == 0)
		return row_read(c, row, &t);
	if (wants_two_dashes(arg))
		return wrong(1);
	row = row_put_off(&t);
	if (row == NULL)
		return foreign_read(&t);
	return (struct master_flag){ .took = 1, .wrong = master_conf_set(c, row, "0",
	    (struct master_origin){ .kind = ORIGIN_FLAG }, false, why) < 0 };
}
