/*
 * conf: what the operator wants, from a file, the environment and flags.
 */
#ifndef MASTER_CONF_H
#define MASTER_CONF_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/conf.h"

enum master_command {
	COMMAND_SERVE, COMMAND_ROUTES, COMMAND_EXPLAIN, COMMAND_TEST, COMMAND_PRINT, COMMAND_NEW
};

/* Where a value comes from. */
struct master_origin {
	enum { ORIGIN_DEFAULT, ORIGIN_FILE, ORIGIN_COMMAND, ORIGIN_ENVIRONMENT, ORIGIN_FLAG } kind;
	const char *where;	/* "fastrd.toml:3", "PORT"; NULL: the row's own variable or flag */
};

/* Where to with each line about a file that is wrong. */
struct master_complaints {
	void (*say)(void *arg, const char *text);
	void *arg;
};

/* `fastapi run` and `fastapi dev`, which serve with defaults of their own. */
enum master_preset {
	PRESET_NONE, PRESET_RUN, PRESET_DEV
};

struct master_conf {
	enum master_command command;
	enum master_preset preset;
	const char *program;		/* how fastrd was called */
	const char *app;		/* as typed; "": to be looked for */
	const char *attribute;		/* of --app: what the application is called there; "": not given */
	const char *explain[2];		/* METHOD, PATH */
	const char *directory;		/* of `new`: where the project is made; NULL: not said */
	struct conf values;		/* texts are borrowed: argv, environment, `texts` */
	struct master_origin origins[CONF_COUNT];
	const char *file;		/* that was read; NULL: none */
	struct arena texts;
	int argc;
	char **argv;
};

/* Fill `c` from defaults, FASTRD_* (and PORT, WEB_CONCURRENCY) and the flags, the
 * later winning. 0; -1 when something is wrong (one line each with cause and
 * remedy was printed); 1 when help or the version was asked for and printed. */
int master_conf_read(struct master_conf *c, int argc, char **argv) MUST_CHECK;

/* Once more, with what a file says between defaults and environment: the answer of the
 * helper, which is changed. Every line that is wrong goes `to` first. */
int master_conf_reread(struct master_conf *c, char *answer, const struct master_complaints *to)
    MUST_CHECK;

/* What `c` holds beside itself. */
void master_conf_fini(struct master_conf *c);

/* Set a row from a text of that origin, which is borrowed. With `more`, a LIST gets it behind
 * what it has from the same kind of origin. 0; -1: `why` says why not. */
int master_conf_set(struct master_conf *c, const struct conf_row *row, const char *text,
    struct master_origin origin, bool more, char why[CONF_WHY_BYTES]) MUST_CHECK;

#endif
