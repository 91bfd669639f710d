/*
 * conf: the settings, by the rows of conf_keys.def.
 *
 * master/conf.c fills a struct conf from the environment and the flags, children are
 * given the rows that they read as texts NAME=VALUE, secrets in their environment, and
 * engine/settings.c reads those by the same rows. A default, a range, a list of words stands in the row only.
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/* Marks of a row. */
enum {
	CONF_CHILD = 1,		/* read by fastrd's children */
	CONF_ALONE = 2,		/* read by an application that serves itself, without fastrd */
	CONF_UNFLAGGED = 4,	/* it is no flag */
	CONF_RESTART = 8,	/* read once, at the start of fastrd */
	CONF_PATH = 16,		/* names a file: in a file, relative to the file's directory */
	CONF_UNFILED = 32,	/* it is no key of a file */
	CONF_SWITCHED = 64,	/* a WORD whose flag alone is `on`, and `off` with --no- before it */
	CONF_COLONS = 128,	/* a value may look like module:attribute */
	CONF_SECRET = 256,	/* never shown, and never on a command line */
	CONF_SOCKETS = 512,	/* addresses: the path of unix:PATH is as CONF_PATH says */
	CONF_RULES = 1024,	/* a LIST whose members are rules of base/rule.h */
	CONF_FRACTIONS = 2048,	/* SECONDS that may be 0.25; conf_number() has the whole ones only */
};

/* CONF_port, ... : the number of each row. */
enum conf_key {
#define NUMBER(name, ...) CONF_##name,
#define SIZE(name, ...) CONF_##name,
#define SECONDS(name, ...) CONF_##name,
#define SWITCH(name, ...) CONF_##name,
#define WORD(name, ...) CONF_##name,
#define TEXT(name, ...) CONF_##name,
#define LIST(name, ...) CONF_##name,
#include "base/conf_keys.def"
	CONF_COUNT
};

/* CONF_DEFAULT_limit_line, CONF_HIGH_workers, ... : for what is sized by a NUMBER or SIZE. */
enum {
#define NUMBER(name, value, low, high, ...) \
	CONF_DEFAULT_##name = (value), CONF_HIGH_##name = (high),
#define SIZE(name, value, low, high, ...) \
	CONF_DEFAULT_##name = (value), CONF_HIGH_##name = (high),
#include "base/conf_keys.def"
};

/* One member per row. A WORD is its place in the row's list. */
struct conf {
#define NUMBER(name, ...) int64_t name;
#define SIZE(name, ...) int64_t name;
#define SECONDS(name, ...) uint32_t name##_ms;
#define SWITCH(name, ...) bool name;
#define WORD(name, ...) unsigned name;
#define TEXT(name, ...) const char *name;
#define LIST(name, ...) const char *name;
#include "base/conf_keys.def"
};

/* A LIST is a text whose members have the row's separator between them. */
enum conf_type {
	CONF_NUMBER, CONF_SIZE, CONF_SECONDS, CONF_SWITCH, CONF_WORD, CONF_TEXT, CONF_LIST
};

struct conf_row {
	const char *name;
	enum conf_type type;
	unsigned marks;
	size_t member;			/* offset in struct conf */
	const char *text;		/* the default of a WORD, TEXT or LIST */
	int64_t number, low, high;	/* the default and range of the others, in their unit */
	const char *words;		/* of a WORD */
	const char *argument;		/* what the value is, for the help; "" for a SWITCH */
	const char *help;
	char separator;			/* of a LIST */
};

extern const struct conf_row conf_rows[CONF_COUNT];

enum {
	CONF_NAME_BYTES = 48,	/* room for a row's name and NUL, or its variable's */
	CONF_WHY_BYTES = 256,	/* room for why a value is refused */
};

/* Every member to its row's default. */
void conf_init(struct conf *c);

/* The row of that name; NULL when there is none. `dash` stands where the name has an
 * underscore: '-' for a flag, '_' for the name itself. */
const struct conf_row *conf_find(const char *name, size_t len, char dash);

/* Is its flag without a value `1`, and `0` with --no- before it? */
static inline bool
conf_is_switch(const struct conf_row *row)
{
	return row->type == CONF_SWITCH || (row->marks & CONF_SWITCHED) != 0;
}

/* What is switched on or off, as files, environments and flags have it: 1 or 0; -1: it is neither. */
int conf_truth(const char *text) MUST_CHECK;

/* The row's name as a flag has it, with dashes and without the first two. Returns `out`. */
const char *conf_flag(const struct conf_row *row, char out[CONF_NAME_BYTES]);

/* Is its value a text, borrowed by who sets it? */
static inline bool
conf_is_text(const struct conf_row *row)
{
	return row->type == CONF_TEXT || row->type == CONF_LIST;
}

/* The row's member from `text`, which a TEXT or LIST borrows for as long as `c` is used. 0; -1:
 * it is not what the row wants, `why` says what that is ("want a number from 0 to 9"). */
int conf_set(struct conf *c, const struct conf_row *row, const char *text,
    char why[CONF_WHY_BYTES]) MUST_CHECK;

/* The row's value of `from` into `to`, which borrows a text then. */
void conf_copy(struct conf *to, const struct conf *from, const struct conf_row *row);

/* The name of the row's variable, FASTRD_NAME. Returns `out`. */
const char *conf_variable(const struct conf_row *row, char out[CONF_NAME_BYTES]);

/* The row from its variable of the environment, which a TEXT or LIST borrows; an empty one
 * counts as none. 1: it was there; 0: there is none; -1: it is refused, `why` names it. */
int conf_environment_row(struct conf *c, const struct conf_row *row,
    char why[CONF_WHY_BYTES]) MUST_CHECK;

/* The same for all rows with one of these `marks`. 0; -1: a value is refused. */
int conf_environment(struct conf *c, unsigned marks, char why[CONF_WHY_BYTES]) MUST_CHECK;

/* The value of a NUMBER, SIZE, SECONDS (in seconds) or SWITCH. */
int64_t conf_number(const struct conf *c, const struct conf_row *row);

/* The value of a TEXT or LIST. */
const char *conf_text(const struct conf *c, const struct conf_row *row);

/* The value of a WORD into `out`, with a NUL. */
void conf_word(const struct conf *c, const struct conf_row *row, char out[CONF_NAME_BYTES]);

/* Any value as conf_set() reads it, into `out`, as snprintf() would: the number of bytes
 * that it has, or would have with more `room`. */
size_t conf_print(const struct conf *c, const struct conf_row *row, char *out, size_t room);

/* A row's words as a sentence has them: "threads, auto or inline". Returns `out`. */
const char *conf_words(const struct conf_row *row, char out[CONF_WHY_BYTES]);

#endif
