/*
 * preset: defaults of two commands.
 *
 * Called by conf.c. `fastapi run` listens on all addresses, which images for containers rely on, and
 * `fastrd run` does so, too, unless something else is said anywhere. `fastrd dev` is what a project is
 * developed with, whose file says how it is served elsewhere: so what the command says goes before
 * the file, but not before the environment.
 */
#include "master/preset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "master/conf.h"
#include "master/flags.h"

/* Beside an address, which no file may put where others reach it: tracebacks are shown there. */
static const struct {
	enum conf_key key;
	const char *value;
} development[] = {
	{ CONF_host, "127.0.0.1" }, { CONF_reload, "1" }, { CONF_workers, "1" },
	{ CONF_preload, "0" }, { CONF_spare, "0" }, { CONF_access_log, "on" },
};

/* The value of the flag `name`; NULL: `arg` is another one, or has none. */
static const char *
value_of(const char *arg, const char *name, const char *next, int *took)
{
	size_t len = strlen(name);

	*took = 1;
	if (strncmp(arg, name, len) != 0)
		return NULL;
	if (arg[len] == '=')
		return arg + len + 1;
	*took = 2;
	return arg[len] == '\0' && next != NULL && next[0] != '-' ? next : NULL;
}

static bool
complain(const char *arg, const char *why)
{
	fprintf(stderr, "fastrd: %s: %s\n", arg, why);
	return true;
}

bool
master_preset_flag(struct master_conf *c, const char *arg, const char *next,
    struct master_flag *flag)
{
	const char *value = value_of(arg, "--app", next, &flag->took);

	if (value != NULL) {
		flag->wrong = *value == '\0' && complain(arg, "want a name, as in --app api");
		c->attribute = value;
		return true;
	}
	value = value_of(arg, "--entrypoint", next, &flag->took);
	if (value == NULL)
		value = value_of(arg, "-e", next, &flag->took);
	/* NAME=VALUE is gunicorn's -e. */
	if (value == NULL || *value == '\0' || strchr(value, '=') != NULL) {
		flag->took = 1;
		return false;
	}
	flag->wrong = *c->app != '\0' && complain(arg, "the application is named twice");
	c->app = value;
	return true;
}

int
master_preset_attribute(struct master_conf *c)
{
	size_t room = strlen(c->app) + 1 + strlen(c->attribute) + 1;
	char *both;

	if (strchr(c->app, ':') != NULL) {
		fprintf(stderr, "fastrd: --app %s: %s names the application; leave one out\n",
		    c->attribute, c->app);
		return -1;
	}
	both = arena_alloc(&c->texts, room);
	if (both == NULL) {
		fprintf(stderr, "fastrd: --app %s: there is no memory\n", c->attribute);
		return -1;
	}
	snprintf(both, room, "%s:%s", c->app, c->attribute);
	c->app = both;
	return 0;
}

static void
set(struct master_conf *c, enum conf_key key, const char *value, struct master_origin origin)
{
	char why[CONF_WHY_BYTES];
	int rc = master_conf_set(c, &conf_rows[key], value, origin, false, why);

	must(rc == 0);
}

void
master_preset_settle(struct master_conf *c)
{
	struct master_origin run = { .kind = ORIGIN_DEFAULT, .where = "fastrd run" };
	struct master_origin dev = { .kind = ORIGIN_COMMAND, .where = "fastrd dev" };

	if (c->preset == PRESET_RUN && c->origins[CONF_host].kind == ORIGIN_DEFAULT)
		set(c, CONF_host, "0.0.0.0", run);
	if (c->preset != PRESET_DEV)
		return;
	for (size_t i = 0; i < sizeof(development) / sizeof(development[0]); i++)
		if (c->origins[development[i].key].kind < ORIGIN_COMMAND)
			set(c, development[i].key, development[i].value, dev);
	/* As `fastapi dev` does. */
	(void)setenv("FASTAPI_ENV", "development", 0);
}
