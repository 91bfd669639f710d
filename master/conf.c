/*
 * conf: the command line and the environment.
 *
 * Called once by main.c. The settings are the rows of base/conf_keys.def; flags.c reads
 * a flag. Which application a word means is not looked at here: that needs the file
 * system and, in the end, Python (python/fastrapi/naming.py).
 */
#include "master/conf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "master/flags.h"
#include "master/help.h"

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

/* The common names first; FASTRD_NAME overrides them. */
static int
environment_read(struct conf *c)
{
	static const struct {
		const char *name;
		enum conf_key key;
	} common[] = { { "PORT", CONF_port }, { "WEB_CONCURRENCY", CONF_workers },
		{ "FORWARDED_ALLOW_IPS", CONF_forwarded_allow_ips } };
	char why[CONF_WHY_BYTES];

	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++) {
		const char *value = getenv(common[i].name);

		/* Empty, FORWARDED_ALLOW_IPS says that nobody is trusted. */
		if (value == NULL ||
		    (*value == '\0' && conf_rows[common[i].key].type != CONF_TEXT) ||
		    conf_set(c, &conf_rows[common[i].key], value, why) == 0)
			continue;
		fprintf(stderr, "fastrd: %s=%s: %s\n", common[i].name, value, why);
		return -1;
	}
	if (conf_environment(c, 0, why) == 0)
		return 0;
	fprintf(stderr, "fastrd: %s\n", why);
	return -1;
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
	else if (first && strcmp(word, "run") == 0)
		return 0;	/* `fastapi run`: what fastrd does anyway */
	else if (first && strcmp(word, "dev") == 0)
		return usage("dev: development reload is not available yet; fastrd run serves, "
		    "SIGHUP reloads");
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

		if (strcmp(arg, "-t") == 0)
			c->command = COMMAND_TEST;
		else if (arg[0] == '-')
			flag = master_flag_read(&c->values, arg, next);
		else if (!wrong)	/* after it, a word may be the flag's */
			flag.wrong = word_read(c, arg) < 0;
		wrong |= flag.wrong;
		i += flag.took;
	}
	return wrong ? -1 : 0;
}

int
master_conf_read(struct master_conf *c, int argc, char **argv)
{
	memset(c, 0, sizeof(*c));
	c->program = argv[0];
	c->app = "";
	for (int i = 1; i < argc; i++)
		if (text_asked(argv[i]))
			return 1;
	conf_init(&c->values);
	if (environment_read(&c->values) < 0 || flags_read(c, argc, argv) < 0)
		return -1;
	if (c->command == COMMAND_EXPLAIN && c->explain[1] == NULL)
		return usage("explain wants METHOD PATH, as in: fastrd explain GET /");
	return 0;
}
