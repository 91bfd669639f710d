/*
 * conf: the command line and the environment.
 *
 * Called once by main.c. The settings are the rows of base/conf_keys.def. uvicorn's
 * flags work here; one that does not is refused with the reason, never ignored.
 */
#include "master/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* uvicorn's flags that are not (yet) served here; `*` at the end matches any rest. */
static const struct {
	const char *flag, *why;
} refused[] = {
	{ "reload", "development reload is not available yet; send SIGHUP to reload" },
	{ "reload-*", "development reload is not available yet" },
	{ "loop", "fastrd has its own event loop" },
	{ "http", "fastrd has its own HTTP implementation" },
	{ "h11-*", "fastrd has its own HTTP implementation" },
	{ "http2", "HTTP/2 is not available yet; put a proxy in front" },
	{ "ws", "WebSocket is not available yet" },
	{ "ws-*", "WebSocket is not available yet" },
	{ "lifespan", "an application that has a lifespan gets it" },
	{ "interface", "only ASGI 3 applications are served" },
	{ "reset-contextvars", "every request has a context of its own" },
	{ "env-file", "set the environment before starting fastrd" },
	{ "log-config", "log configuration is not available yet" },
	{ "use-colors", "there is no coloured output" },
	{ "header", "let the application or a proxy add headers" },
	{ "no-server-header", "both headers are always sent" },
	{ "no-date-header", "both headers are always sent" },
	{ "ssl-*", "TLS is not available yet; put a proxy in front" },
	{ "proxy-headers", "proxy headers are not available yet" },
	{ "forwarded-allow-ips", "proxy headers are not available yet" },
	{ "limit-concurrency", "a concurrency limit is not available yet" },
	{ "limit-max-requests", "worker recycling is not available yet" },
	{ "limit-max-requests-*", "worker recycling is not available yet" },
	{ "timeout-worker-healthcheck", "workers are not probed; one that dies is replaced" },
	{ "access-log", "the access log is not available yet" },
};

/* uvicorn's flags whose effect is fastrd's behaviour anyway. */
static const char *const implied[] = {
	"no-access-log", "no-proxy-headers", "no-use-colors", "no-reload", "server-header",
	"date-header", "no-reset-contextvars",
};

static int
usage(const char *cause, const char *what)
{
	fprintf(stderr, "fastrd: %s%s; see fastrd --help\n", cause, what);
	return -1;
}

static void
help_row(const struct conf *defaults, const struct conf_row *row)
{
	char flag[CONF_NAME_BYTES], left[64], value[64], words[CONF_WHY_BYTES] = "";
	size_t len = (size_t)snprintf(flag, sizeof(flag), "%s", row->name);

	for (size_t i = 0; i < len; i++)
		if (flag[i] == '_')
			flag[i] = '-';
	snprintf(left, sizeof(left), "--%s %s", flag, row->argument);
	if (row->type == CONF_WORD)
		conf_words(row, words);
	printf("  %-34s %s%s%s", left, row->help, words[0] != '\0' ? ": " : "", words);
	if (row->type != CONF_SWITCH && conf_print(defaults, row, value, sizeof(value)) > 0)
		printf(" [%s]", value);
	printf("\n");
}

static void
help_print(void)
{
	struct conf defaults;

	printf("usage: fastrd [flags] module:app          serve an ASGI application\n"
	    "       fastrd routes module:app           list its routes: compiled, or why not\n"
	    "       fastrd explain METHOD PATH module:app\n"
	    "       fastrd -t module:app               load it, compile it, say whether it works\n"
	    "\n");
	conf_init(&defaults);
	for (size_t i = 0; i < CONF_COUNT; i++)
		if ((conf_rows[i].marks & CONF_UNFLAGGED) == 0)
			help_row(&defaults, &conf_rows[i]);
	printf("  %-34s %s\n  %-34s %s\n\n", "--help", "this text", "--version", "the version");
	printf("Signals: TERM, QUIT drain; INT quickly; HUP reload; TTIN, TTOU one worker\n"
	    "more or less. Every flag can be set in the environment: --app-dir as FASTRD_APP_DIR.\n");
}

/* PORT and WEB_CONCURRENCY first; FASTRD_NAME overrides them. */
static int
environment_read(struct conf *c)
{
	static const struct {
		const char *name;
		enum conf_key key;
	} common[] = { { "PORT", CONF_port }, { "WEB_CONCURRENCY", CONF_workers } };
	char why[CONF_WHY_BYTES];

	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++) {
		const char *value = getenv(common[i].name);

		if (value == NULL || *value == '\0' ||
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

/* Does the flag of `len` bytes match `row`? `*` at its end matches any rest. */
static bool
flag_is(const char *flag, size_t len, const char *row)
{
	size_t n = strlen(row);

	if (row[n - 1] == '*')
		return len >= n && strncmp(flag, row, n - 1) == 0;
	return len == n && strncmp(flag, row, n) == 0;
}

/* One of uvicorn's that is no row here. Returns as flag_read(). */
static int
foreign_flag(const char *flag, size_t len)
{
	for (size_t i = 0; i < sizeof(implied) / sizeof(implied[0]); i++)
		if (flag_is(flag, len, implied[i]))
			return 1;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (flag_is(flag, len, refused[i].flag)) {
			fprintf(stderr, "fastrd: --%.*s: %s\n", (int)len, flag, refused[i].why);
			return -1;
		}
	return usage("unknown flag --", flag);
}

/* A flag without its dashes. Returns how many arguments it took, -1: refused. */
static int
flag_read(struct conf *c, const char *flag, const char *value)
{
	const char *eq = strchr(flag, '=');
	size_t len = eq != NULL ? (size_t)(eq - flag) : strlen(flag);
	const struct conf_row *row = conf_find(flag, len, '-');
	char why[CONF_WHY_BYTES];

	if (row == NULL || (row->marks & CONF_UNFLAGGED) != 0)
		return foreign_flag(flag, len);
	if (eq != NULL)
		value = eq + 1;
	else if (row->type == CONF_SWITCH)
		value = "1";
	if (value == NULL)
		return usage("a value is missing after --", flag);
	if (conf_set(c, row, value, why) < 0) {
		fprintf(stderr, "fastrd: --%.*s%c%s: %s\n", (int)len, flag,
		    eq != NULL ? '=' : ' ', value, why);
		return -1;
	}
	return eq != NULL || row->type == CONF_SWITCH ? 1 : 2;
}

/* The application's name, which must read module:attribute. */
static int
app_read(struct master_conf *c, const char *word)
{
	const char *colon = strchr(word, ':'), *end = colon != NULL ? colon : strchr(word, '\0');
	size_t len = (size_t)(end - word);
	bool is_path = memchr(word, '/', len) != NULL ||
	    (len > 3 && strncmp(end - 3, ".py", 3) == 0);

	if (!is_path && colon != NULL && colon != word && colon[1] != '\0') {
		c->app = word;
		return 0;
	}
	fprintf(stderr, "fastrd: %s: want module:attribute, as in %smain:app\n", word,
	    is_path ? "--app-dir src " : "");
	return -1;
}

/* Words that are no flags: the command, its arguments, the application. */
static int
word_read(struct master_conf *c, const char *word)
{
	if (c->app == NULL && c->command == COMMAND_SERVE && strcmp(word, "routes") == 0) {
		c->command = COMMAND_ROUTES;
	} else if (c->app == NULL && c->command == COMMAND_SERVE &&
	    strcmp(word, "explain") == 0) {
		c->command = COMMAND_EXPLAIN;
	} else if (c->command == COMMAND_EXPLAIN && c->explain[1] == NULL) {
		c->explain[c->explain[0] != NULL] = word;
	} else if (c->app == NULL) {
		return app_read(c, word);
	} else {
		return usage("one application only, and not also ", word);
	}
	return 0;
}

static int
flags_read(struct master_conf *c, int argc, char **argv)
{
	for (int i = 1; i < argc;) {
		const char *arg = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;
		int took = 1;

		if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
			help_print();
			return 1;
		}
		if (strcmp(arg, "--version") == 0) {
			printf("fastrd %s\n", PACKAGE_VERSION);
			return 1;
		}
		if (strcmp(arg, "-c") == 0) {
			fprintf(stderr, "fastrd: -c: configuration files are not available yet\n");
			return -1;
		}
		if (strcmp(arg, "-t") == 0)
			c->command = COMMAND_TEST;
		else if (strcmp(arg, "-w") == 0)
			took = flag_read(&c->values, "workers", next);
		else if (arg[0] == '-')
			took = flag_read(&c->values, arg + (arg[1] == '-' ? 2 : 1), next);
		else
			took = word_read(c, arg) < 0 ? -1 : 1;
		if (took < 0)
			return -1;
		i += took;
	}
	return 0;
}

int
master_conf_read(struct master_conf *c, int argc, char **argv)
{
	int rc;

	memset(c, 0, sizeof(*c));
	conf_init(&c->values);
	if (environment_read(&c->values) < 0)
		return -1;
	rc = flags_read(c, argc, argv);
	if (rc != 0 || c->app != NULL)
		return rc;
	return usage(c->command == COMMAND_EXPLAIN ? "explain wants METHOD PATH module:app" :
	    "no application given, as in: fastrd main:app", "");
}
