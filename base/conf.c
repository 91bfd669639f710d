/*
 * conf: values and texts of the settings.
 *
 * Called by room master, room engine, room worker (defaults), room bindings (words) and rule.c
 * (numbers), at the start only. It knows no setting by name: conf_keys.def has them. It
 * prints nothing; the caller says what was refused and where it stood.
 */
#include "base/conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/must.h"
#include "base/rule.h"

enum { MS = 1000 };	/* of a second */

const struct conf_row conf_rows[CONF_COUNT] = {
#define ROW(name, type, marks, member, ...) \
	{ #name, CONF_##type, marks, offsetof(struct conf, member), __VA_ARGS__ },
#define NUMBER(name, value, low, high, marks, argument, help) \
	ROW(name, NUMBER, marks, name, NULL, value, low, high, NULL, argument, help, 0)
#define SIZE(name, value, low, high, marks, help) \
	ROW(name, SIZE, marks, name, NULL, value, low, high, NULL, "BYTES", help, 0)
#define SECONDS(name, value, low, high, marks, help) \
	ROW(name, SECONDS, marks, name##_ms, NULL, value, low, high, NULL, "S", help, 0)
#define SWITCH(name, value, marks, help) \
	ROW(name, SWITCH, marks, name, NULL, value, 0, 1, NULL, "", help, 0)
#define WORD(name, value, words, marks, argument, help) \
	ROW(name, WORD, marks, name, value, 0, 0, 0, words, argument, help, 0)
#define TEXT(name, value, marks, argument, help) \
	ROW(name, TEXT, marks, name, value, 0, 0, 0, NULL, argument, help, 0)
#define LIST(name, value, separator, marks, argument, help) \
	ROW(name, LIST, marks, name, value, 0, 0, 0, NULL, argument, help, separator)
#include "base/conf_keys.def"
};

static void *
member(struct conf *c, const struct conf_row *row)
{
	return (char *)c + row->member;
}

static const void *
member_read(const struct conf *c, const struct conf_row *row)
{
	return (const char *)c + row->member;
}

/* Bytes of an entry of a list of words. */
static size_t
word_len(const char *word)
{
	return strcspn(word, " ");
}

/* Bytes of its name, which is all of it but for trace=debug. */
static size_t
name_len(const char *word)
{
	return strcspn(word, " =");
}

/* The word after this one, or the list's end. */
static const char *
word_next(const char *word)
{
	word += word_len(word);
	return *word == ' ' ? word + 1 : word;
}

/* The entry of that name, in capitals or not, and its place in the list; NULL: there is none. */
static const char *
word_find(const char *words, const char *name, size_t len, unsigned *place)
{
	*place = 0;
	for (const char *p = words; *p != '\0'; p = word_next(p), ++*place)
		if (name_len(p) == len && strncasecmp(p, name, len) == 0)
			return p;
	return NULL;
}

static int
word_set(struct conf *c, const struct conf_row *row, const char *text)
{
	unsigned place;
	const char *found = word_find(row->words, text, strlen(text), &place);

	if (found != NULL && found[name_len(found)] == '=') {
		const char *meant = found + name_len(found) + 1;

		found = word_find(row->words, meant, word_len(meant), &place);
		must(found != NULL);
	}
	if (found == NULL)
		return -1;
	*(unsigned *)member(c, row) = place;
	return 0;
}

/* SECONDS are milliseconds here. */
static void
number_put(struct conf *c, const struct conf_row *row, int64_t n)
{
	switch (row->type) {
	case CONF_NUMBER:
	case CONF_SIZE:
		*(int64_t *)member(c, row) = n;
		break;
	case CONF_SECONDS:
		*(uint32_t *)member(c, row) = (uint32_t)n;
		break;
	default:
		must(row->type == CONF_SWITCH);
		*(bool *)member(c, row) = n != 0;
	}
}

void
conf_init(struct conf *c)
{
	char why[CONF_WHY_BYTES];

	for (size_t i = 0; i < CONF_COUNT; i++) {
		const struct conf_row *row = &conf_rows[i];

		if (row->text != NULL)
			must(conf_set(c, row, row->text, why) == 0);
		else
			number_put(c, row, row->number * (row->type == CONF_SECONDS ? MS : 1));
	}
}

const struct conf_row *
conf_find(const char *name, size_t len, char dash)
{
	for (size_t i = 0; i < CONF_COUNT; i++) {
		const char *own = conf_rows[i].name;
		size_t k = 0;

		while (k < len && own[k] != '\0' && name[k] == (own[k] == '_' ? dash : own[k]))
			k++;
		if (k == len && own[k] == '\0')
			return &conf_rows[i];
	}
	return NULL;
}

const char *
conf_flag(const struct conf_row *row, char out[CONF_NAME_BYTES])
{
	int n = snprintf(out, CONF_NAME_BYTES, "%s", row->name);

	must(n > 0 && n < CONF_NAME_BYTES);
	for (char *p = out; *p != '\0'; p++)
		if (*p == '_')
			*p = '-';
	return out;
}

const char *
conf_words(const struct conf_row *row, char out[CONF_WHY_BYTES])
{
	size_t shown = 0, at = 0, n = 0;

	for (const char *p = row->words; *p != '\0'; p = word_next(p))
		shown += name_len(p) == word_len(p);
	out[0] = '\0';
	for (const char *p = row->words; *p != '\0' && n < CONF_WHY_BYTES; p = word_next(p)) {
		if (name_len(p) != word_len(p))
			continue;
		n += (size_t)snprintf(out + n, CONF_WHY_BYTES - n, "%s%.*s",
		    at == 0 ? "" : at + 1 == shown ? " or " : ", ", (int)word_len(p), p);
		at++;
	}
	return out;
}

static int
refuse(const struct conf_row *row, char why[CONF_WHY_BYTES])
{
	char words[CONF_WHY_BYTES];

	if (row->type == CONF_WORD)
		snprintf(why, CONF_WHY_BYTES, "want %.200s", conf_words(row, words));
	else if (row->type == CONF_SWITCH)
		snprintf(why, CONF_WHY_BYTES, "want true or false");
	else if (row->type == CONF_SIZE)
		snprintf(why, CONF_WHY_BYTES, "want bytes from %lld to %lld, as in 65536, 64K or 10M",
		    (long long)row->low, (long long)row->high);
	else
		snprintf(why, CONF_WHY_BYTES, "want a number from %lld to %lld",
		    (long long)row->low, (long long)row->high);
	return -1;
}

int
conf_truth(const char *text)
{
	static const char *const words[] = { "0", "1", "false", "true", "no", "yes", "off", "on", "f", "t",
		"n", "y" };

	for (int i = 0; i < (int)(sizeof(words) / sizeof(words[0])); i++)
		if (strcasecmp(text, words[i]) == 0)
			return i & 1;
	return -1;
}

/* What K, M or G behind a number of bytes stands for; 0: none of them. */
static long long
unit_read(const char *unit)
{
	static const char letters[] = "KMG";
	const char *found = unit[0] != '\0' ? strchr(letters, unit[0] & ~0x20) : NULL;

	if (unit[0] == '\0')
		return 1;
	if (found == NULL || *found == '\0' || unit[1] != '\0')
		return 0;
	return 1LL << (10 * (found - letters + 1));
}

/* Behind whole seconds, as uvicorn's help shows them: 20.0. With `any` other digits count, too:
 * in milliseconds, of which more digits have no part. */
static int
fraction_read(char **end, bool any)
{
	int ms = 0, digit = 100;
	char *p = *end;

	if (p[0] != '.' || p[1] < '0' || p[1] > '9')
		return 0;
	for (p++; *p == '0' || (any && *p >= '0' && *p <= '9'); p++, digit /= 10)
		ms += (*p - '0') * digit;
	*end = p;
	return ms;
}

/* The number that `text` is, as number_put() wants it. */
static int
number_read(const struct conf_row *row, const char *text, long long *n)
{
	char *end;
	long long unit = 1;
	int fraction = 0;

	if (*text != '-' && (*text < '0' || *text > '9'))
		return -1;
	errno = 0;
	*n = strtoll(text, &end, 10);
	if (row->type == CONF_SECONDS)
		fraction = fraction_read(&end, (row->marks & CONF_FRACTIONS) != 0);
	if (row->type == CONF_SIZE)
		unit = unit_read(end);
	else if (*end != '\0')
		return -1;
	if (errno != 0 || unit == 0 || *n > row->high / unit || *n < row->low / unit)
		return -1;
	*n = row->type == CONF_SECONDS ? *n * MS + fraction : *n * unit;
	return *n < row->low || (fraction > 0 && *n > row->high * MS) ? -1 : 0;
}

int
conf_set(struct conf *c, const struct conf_row *row, const char *text,
    char why[CONF_WHY_BYTES])
{
	long long n = 0;

	if ((row->marks & CONF_RULES) != 0 && rule_check(text, why) < 0)
		return -1;
	if (conf_is_text(row)) {
		*(const char **)member(c, row) = text;
		return 0;
	}
	if (row->type == CONF_WORD && conf_is_switch(row) && conf_truth(text) >= 0)
		text = conf_truth(text) > 0 ? "on" : "off";
	if (row->type == CONF_WORD)
		return word_set(c, row, text) == 0 ? 0 : refuse(row, why);
	if (row->type == CONF_SWITCH)
		n = conf_truth(text);
	if (row->type == CONF_SWITCH ? n < 0 : number_read(row, text, &n) < 0)
		return refuse(row, why);
	number_put(c, row, n);
	return 0;
}

void
conf_copy(struct conf *to, const struct conf *from, const struct conf_row *row)
{
	if (conf_is_text(row))
		*(const char **)member(to, row) = conf_text(from, row);
	else if (row->type == CONF_WORD)
		*(unsigned *)member(to, row) = *(const unsigned *)member_read(from, row);
	else if (row->type == CONF_SECONDS)
		number_put(to, row, *(const uint32_t *)member_read(from, row));
	else
		number_put(to, row, conf_number(from, row));
}

const char *
conf_variable(const struct conf_row *row, char out[CONF_NAME_BYTES])
{
	int n = snprintf(out, CONF_NAME_BYTES, "FASTRD_%s", row->name);

	must(n > 0 && n < CONF_NAME_BYTES);
	for (char *p = out; *p != '\0'; p++)
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
	return out;
}

int
conf_environment_row(struct conf *c, const struct conf_row *row, char why[CONF_WHY_BYTES])
{
	char name[CONF_NAME_BYTES], want[CONF_WHY_BYTES];
	const char *value = getenv(conf_variable(row, name));

	if (value == NULL || *value == '\0')
		return 0;
	if (conf_set(c, row, value, want) == 0)
		return 1;
	snprintf(why, CONF_WHY_BYTES, "%s=%.100s: %.100s", name, value, want);
	return -1;
}

int
conf_environment(struct conf *c, unsigned marks, char why[CONF_WHY_BYTES])
{
	for (size_t i = 0; i < CONF_COUNT; i++)
		if ((conf_rows[i].marks & marks) != 0 &&
		    conf_environment_row(c, &conf_rows[i], why) < 0)
			return -1;
	return 0;
}

int64_t
conf_number(const struct conf *c, const struct conf_row *row)
{
	switch (row->type) {
	case CONF_NUMBER:
	case CONF_SIZE:
		return *(const int64_t *)member_read(c, row);
	case CONF_SECONDS:
		return *(const uint32_t *)member_read(c, row) / 1000;
	default:
		must(row->type == CONF_SWITCH);
		return *(const bool *)member_read(c, row);
	}
}

const char *
conf_text(const struct conf *c, const struct conf_row *row)
{
	must(conf_is_text(row));
	return *(const char *const *)member_read(c, row);
}

void
conf_word(const struct conf *c, const struct conf_row *row, char out[CONF_NAME_BYTES])
{
	unsigned place = *(const unsigned *)member_read(c, row);
	const char *p = row->words;

	must(row->type == CONF_WORD);
	while (place-- > 0)
		p = word_next(p);
	snprintf(out, CONF_NAME_BYTES, "%.*s", (int)name_len(p), p);
}

size_t
conf_print(const struct conf *c, const struct conf_row *row, char *out, size_t room)
{
	char word[CONF_NAME_BYTES];
	unsigned ms;
	int n;

	switch (row->type) {
	case CONF_TEXT:
	case CONF_LIST:
		n = snprintf(out, room, "%s", conf_text(c, row));
		break;
	case CONF_WORD:
		conf_word(c, row, word);
		n = snprintf(out, room, "%s", word);
		break;
	default:
		n = snprintf(out, room, "%lld", (long long)conf_number(c, row));
		ms = row->type == CONF_SECONDS ? *(const uint32_t *)member_read(c, row) % MS : 0;
		if (ms != 0 && (size_t)n < room)
			n += snprintf(out + n, room - (size_t)n, ".%03u", ms);
	}
	must(n >= 0);
	return (size_t)n;
}
