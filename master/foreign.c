/*
 * foreign: other servers' flags, and those that nobody has.
 *
 * Called by flags.c for what is no row of base/conf_keys.def, by file.c and variables.c for keys. It
 * prints what is said of an unknown flag; the rows of foreign_flags.def are flags.c's to print.
 */
#include "master/foreign.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/conf.h"
#include "base/must.h"

enum { FOREIGN_NONE = 0, FOREIGN_VALUE = 1, FLAG_BYTES = CONF_NAME_BYTES };

static const struct master_foreign rows[] = {
#define REFUSED(flag, takes, text) { flag, FOREIGN_##takes, text, NULL },
#define ACCEPTED(flag, words, text) { flag, FOREIGN_VALUE, text, words },
#define IMPLIED(flag) { flag, FOREIGN_NONE, NULL, NULL },
#include "master/foreign_flags.def"
};

enum { N_ROWS = sizeof(rows) / sizeof(rows[0]) };

static bool
row_is(const struct master_foreign *row, const char *flag, size_t len)
{
	size_t n = strlen(row->flag);

	if (row->flag[n - 1] == '*')
		return len >= n && strncmp(flag, row->flag, n - 1) == 0;
	return len == n && strncmp(flag, row->flag, n) == 0;
}

/* The first one: what has a name of its own stands before its `*`. */
const struct master_foreign *
master_foreign_find(const char *flag, size_t len)
{
	const struct master_foreign *found = NULL;

	for (size_t i = 0; i < N_ROWS && (found == NULL || strchr(found->flag, '*') != NULL); i++)
		if (row_is(&rows[i], flag, len))
			found = &rows[i];
	return found;
}

bool
master_foreign_accepts(const struct master_foreign *row, const char *value)
{
	size_t len = strlen(value);

	for (const char *p = row->words; p != NULL && *p != '\0'; p += strspn(p, " ")) {
		size_t n = strcspn(p, " ");

		if (n == len && strncmp(p, value, n) == 0)
			return true;
		p += n;
	}
	return false;
}

bool
master_foreign_put_off(const char *flag, size_t len)
{
	const struct master_foreign *row = len > 3 && strncmp(flag, "no-", 3) == 0 ?
	    master_foreign_find(flag + 3, len - 3) : NULL;

	return row != NULL && row->why != NULL && !row->takes_value;
}

static unsigned
least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* How many letters must be added, left out, changed or swapped with their neighbour to
 * make one of the other (the optimal string alignment distance). Both are shorter than
 * FLAG_BYTES. */
static unsigned
distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned row[3][FLAG_BYTES + 1];

	must(a_len < FLAG_BYTES && b_len < FLAG_BYTES);
	for (unsigned j = 0; j <= b_len; j++)
		row[0][j] = j;
	for (unsigned i = 1; i <= a_len; i++) {
		unsigned *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];

		now[0] = i;
		for (unsigned j = 1; j <= b_len; j++) {
			now[j] = least(last[j - 1] + (a[i - 1] != b[j - 1]),
			    1 + least(last[j], now[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = least(now[j], before[j - 2] + 1);
		}
	}
	return row[a_len % 3][b_len];
}

struct nearest {
	const char *flag;	/* what was typed, `len` bytes */
	size_t len;
	unsigned distance;	/* in halves of a letter */
	bool tie;		/* it is the beginning of several */
	char name[FLAG_BYTES];		/* the most like it so far */
	const struct master_foreign *row;	/* its, when it is no flag of ours */
};

enum { LETTER = 2, BEGINNING = 3 };	/* distances */

/* Is `name` more like the flag than what was found before? One letter is nearest, then
 * the beginning of a name. */
static void
consider(struct nearest *n, const char *name, const struct master_foreign *row)
{
	size_t len = strlen(name);
	unsigned d;

	if (len < 3 || strchr(name, '*') != NULL)
		return;
	must(len < FLAG_BYTES);
	d = LETTER * distance(n->flag, n->len, name, len);
	if (d > BEGINNING && n->len >= 2 && strncmp(n->flag, name, n->len) == 0)
		d = BEGINNING;
	n->tie = d >= n->distance && (n->tie || (d == BEGINNING && n->distance == d));
	if (d >= n->distance)
		return;
	n->distance = d;
	n->row = row;
	memcpy(n->name, name, len + 1);
}

/* The setting most like the name, that a flag or a file (`unwanted` are the others) may have. */
static void
consider_settings(struct nearest *n, unsigned unwanted)
{
	for (size_t i = 0; i < CONF_COUNT; i++) {
		char name[CONF_NAME_BYTES];

		if ((conf_rows[i].marks & unwanted) != 0)
			continue;
		conf_flag(&conf_rows[i], name);
		consider(n, name, NULL);
	}
}

/* Beyond a third of its letters it is another word. */
static struct nearest
nearest_begin(const char *flag, size_t len)
{
	return (struct nearest){ .flag = flag, .len = len,
		.distance = LETTER * (len > 3 ? (unsigned)len / 3 + 1 : 2) };
}

void
master_foreign_unknown(const char *flag, size_t len)
{
	struct nearest n = nearest_begin(flag, len);

	if (len < FLAG_BYTES) {
		consider_settings(&n, CONF_UNFLAGGED);
		consider(&n, "help", NULL);
		consider(&n, "version", NULL);
		consider(&n, "print-config", NULL);
	}
	for (size_t i = 0; i < N_ROWS && len < FLAG_BYTES; i++)
		consider(&n, rows[i].flag, &rows[i]);
	fprintf(stderr, "fastrd: unknown flag %s%.*s; ", len == 1 ? "-" : "--", (int)len, flag);
	if (n.name[0] == '\0' || n.tie)
		fprintf(stderr, "see fastrd --help\n");
	else if (n.row == NULL || n.row->why == NULL)
		fprintf(stderr, "did you mean --%s?\n", n.name);
	else
		fprintf(stderr, "did you mean --%s? (%s)\n", n.name, n.row->why);
}

/* Letters `from` become `to`. */
static void
change(char *text, char from, char to)
{
	for (; *text != '\0'; text++)
		if (*text == from)
			*text = to;
}

/* A key, in capitals or not, as a flag has it. False: no flag is so long. */
static bool
flag_of(const char *key, char flag[FLAG_BYTES])
{
	if (strlen(key) >= FLAG_BYTES)
		return false;
	snprintf(flag, FLAG_BYTES, "%s", key);
	for (char *p = flag; *p != '\0'; p++)
		*p = (char)(*p == '_' ? '-' : tolower((unsigned char)*p));
	return true;
}

const struct master_foreign *
master_foreign_of_key(const char *key)
{
	char flag[FLAG_BYTES];

	return flag_of(key, flag) ? master_foreign_find(flag, strlen(flag)) : NULL;
}

bool
master_foreign_harmless(const char *key, const char *value)
{
	const struct master_foreign *row = master_foreign_of_key(key);

	return row != NULL && (row->why == NULL || master_foreign_accepts(row, value) ||
	    (!row->takes_value && conf_truth(value) == 0));
}

bool
master_foreign_nearest(const char *key, char name[CONF_NAME_BYTES])
{
	struct nearest n = nearest_begin(NULL, strlen(key));
	char flag[FLAG_BYTES];

	if (!flag_of(key, flag))
		return false;
	n.flag = flag;
	consider_settings(&n, CONF_UNFILED);
	memcpy(name, n.name, sizeof(n.name));
	change(name, '-', '_');
	return name[0] != '\0' && !n.tie;
}

void
master_foreign_key(const char *key, char *text, size_t room)
{
	const struct master_foreign *row = master_foreign_of_key(key);
	char name[CONF_NAME_BYTES];

	if (row != NULL && row->why != NULL)
		snprintf(text, room, "%s: %s", key, row->why);
	else if (master_foreign_nearest(key, name))
		snprintf(text, room, "unknown key %s; did you mean %s?", key, name);
	else
		snprintf(text, room, "unknown key %s; fastrd --print-config names all", key);
}
