/*
 * conf: the command line, the environment, and between them and the defaults a file.
 *
 * Called by main.c, flags.c, file.c, variables.c, preset.c and reread.c. The settings are the rows of
 * base/conf_keys.def; flags.c reads a flag, variables.c the environment, file.c what a file says. Which
 * application a word means is not looked at here: that needs the file system and, in the end, Python
 * (python/fastrapi/naming.py).
 */
#include "master/conf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "master/address.h"
#include "master/file.h"
#include "master/flags.h"
#include "master/help.h"
#include "master/preset.h"
#include "master/variables.h"

static int usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static int
usage(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "fastrd: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "; see fastrd --help\n");
	return -1;
}

/* What `c` has of the row, the separator and `text`, in memory of `c`; NULL: there is none. */
static const char *
joined(struct master_conf *c, const struct conf_row *row, const char *text)
{
	const char *first = conf_text(&c->values, row);
	size_t n = strlen(first), room = n + 1 + strlen(text) + 1;
	char *both;

	if (n == 0)
		return text;
	both = arena_alloc(&c->texts, room);
	if (both != NULL)
		snprintf(both, room, "%s%c%s", first, row->separator, text);
	return both;
}

int
master_conf_set(struct master_conf *c, const struct conf_row *row, const char *text,
    struct master_origin origin, bool more, char why[CONF_WHY_BYTES])
{
	struct master_origin *own = &c->origins[row - conf_rows];

	if (row->type == CONF_LIST && more && own->kind == origin.kind)
		text = joined(c, row, text);
	if (text == NULL) {
		snprintf(why, CONF_WHY_BYTES, "there is no memory");
		return -1;
	}
	if (conf_set(&c->values, row, text, why) < 0)
		return -1;
	*own = origin;
	return 0;
}

/* Words that are no flags: the command, its arguments, the application. */
static int
word_read(struct master_conf *c, const char *word)
{
	bool first = *c->app == '\0' && c->command != COMMAND_EXPLAIN;

	if (first && c->command == COMMAND_SERVE && strcmp(word, "routes") == 0)
		c->command = COMMAND_ROUTES;
	else if (first && c->command == COMMAND_SERVE && strcmp(word, "explain") == 0)
		c->command = COMMAND_EXPLAIN;
	else if (first && c->command == COMMAND_SERVE && strcmp(word, "new") == 0)
		c->command = COMMAND_NEW;
	else if (c->command == COMMAND_NEW && c->directory != NULL)
		return usage("new makes one project: %s and %s are two", c->directory, word);
	else if (c->command == COMMAND_NEW)
		c->directory = word;
	else if (first && c->preset == PRESET_NONE && strcmp(word, "run") == 0)
		c->preset = PRESET_RUN;
	else if (first && c->preset == PRESET_NONE && strcmp(word, "dev") == 0)
		c->preset = PRESET_DEV;
	else if (c->command == COMMAND_EXPLAIN && c->explain[1] == NULL)
		c->explain[c->explain[0] != NULL] = word;
	else if (*c->app != '\0')
		return usage("one application only: %s and %s are two", c->app, word);
	else if (*word == '\0')
		return usage("the application's name is empty");
	else
		c->app = word;
	return 0;
}

/* Printed, and nothing else to do? */
static bool
text_asked(const char *arg)
{
	if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
		master_help_print();
		return true;
	}
	if (strcmp(arg, "--version") != 0)
		return false;
	printf("fastrd %s\n", PACKAGE_VERSION);
	return true;
}

/* Every flag that is wrong is named before it ends. */
static int
flags_read(struct master_conf *c, int argc, char **argv)
{
	bool wrong = false;

	for (int i = 1; i < argc;) {
		const char *arg = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;
		struct master_flag flag = { .took = 1 };

		if (strncmp(arg, "--print-config=", 15) == 0)
			flag.wrong = usage("--print-config takes no value: it prints every setting") < 0;
		else if (strcmp(arg, "-t") == 0)
			c->command = COMMAND_TEST;
		else if (strcmp(arg, "--print-config") == 0)
			c->command = COMMAND_PRINT;
		else if (arg[0] == '-' && master_preset_flag(c, arg, next, &flag))
			;
		else if (arg[0] == '-')
			flag = master_flag_read(c, arg, next);
		else if (!wrong)	/* after it, a word may be the flag's */
			flag.wrong = word_read(c, arg) < 0;
		wrong |= flag.wrong;
		i += flag.took;
	}
	return wrong ? -1 : 0;
}

/* The application that was typed goes before that of the environment or a file. */
static int
app_settle(struct master_conf *c)
{
	char why[CONF_WHY_BYTES];
	int rc = 0;

	if (*c->attribute != '\0' && master_preset_attribute(c) < 0)
		return -1;

	if (*c->app != '\0')
		rc = master_conf_set(c, &conf_rows[CONF_app], c->app,
		    (struct master_origin){ .kind = ORIGIN_FLAG, .where = "the command line" }, false, why);
	must(rc == 0);
	c->app = c->values.app;
	return 0;
}

/* `fastrd new` has all it needs? A setting said beside it would be lost: the project has its own. */
static int
new_check(const struct master_conf *c)
{
	char flag[CONF_NAME_BYTES];

	if (c->command != COMMAND_NEW)
		return usage("new makes a project and does nothing else; leave the rest out");
	if (c->directory == NULL)
		return usage("new wants the directory of the project to make, as in: fastrd new shop");
	for (size_t i = 0; i < CONF_COUNT; i++)
		if (c->origins[i].kind == ORIGIN_FLAG && i != CONF_python)
			return usage("new takes no --%s: put it into [tool.fastrd] of the project's "
			    "pyproject.toml", conf_flag(&conf_rows[i], flag));
	return 0;
}

/* Defaults, `answer` unless it is NULL, environment, flags. */
static int
layers_read(struct master_conf *c, char *answer, const struct master_complaints *to)
{
	int rc = 0;

	conf_init(&c->values);
	memset(c->origins, 0, sizeof(c->origins));
	memset(c->explain, 0, sizeof(c->explain));
	c->directory = NULL;
	c->command = COMMAND_SERVE;
	c->preset = PRESET_NONE;
	c->app = c->attribute = "";
	if (answer != NULL)
		rc = master_file_take(c, answer, to);
	if ((master_variables_read(c) | flags_read(c, c->argc, c->argv)) < 0)
		return -1;
	if (app_settle(c) < 0)
		return -1;
	master_preset_settle(c);
	master_address_settle(c);
	return rc;
}

int
master_conf_read(struct master_conf *c, int argc, char **argv)
{
	memset(c, 0, sizeof(*c));
	arena_init(&c->texts, CONF_WHY_BYTES);
	c->argc = argc;
	c->argv = argv;
	c->program = argv[0];
	for (int i = 1; i < argc; i++)
		if (text_asked(argv[i]))
			return 1;
	if (layers_read(c, NULL, NULL) < 0)
		return -1;
	if (c->command == COMMAND_EXPLAIN && c->explain[1] == NULL)
		return usage("explain wants METHOD PATH, as in: fastrd explain GET /");
	return c->command == COMMAND_NEW || c->directory != NULL ? new_check(c) : 0;
}

int
master_conf_reread(struct master_conf *c, char *answer, const struct master_complaints *to)
{
	int rc = layers_read(c, answer, to);

	if (rc == 0)
		master_file_settle(c);
	return rc;
}

void
master_conf_fini(struct master_conf *c)
{
	arena_fini(&c->texts);
}
