/*
 * conf: one row per option, in conf_keys.def.
 *
 * Called once by main.c. uvicorn's flags work here; one that does not is
 * refused with the reason, never ignored.
 */
#include "master/conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum type { TEXT, NUMBER, SWITCH };

struct row {
	const char *name, *flag;
	enum type type;
	const char *text;
	long number, low, high;
	const char *argument, *help;
};

/* A row's default is a text or a number, whichever its type says. */
#define DEFAULT_TEXT(value) _Generic((value), char *: (value), default: NULL)
#define DEFAULT_NUMBER(value) _Generic((value), char *: 0, default: (value))

static const struct row rows[] = {
#define KEY(name, flag, type, value, low, high, argument, help) \
	{ #name, flag, type, DEFAULT_TEXT(value), DEFAULT_NUMBER(value), low, high, argument, help },
#include "master/conf_keys.def"
#undef KEY
};

/* uvicorn's flags that are not (yet) served here; "ssl-*" is all that begin so. */
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
help_print(void)
{
	printf("usage: fastrd [flags] module:app          serve an ASGI application\n"
	    "       fastrd routes module:app           list its routes: compiled, or why not\n"
	    "       fastrd explain METHOD PATH module:app\n"
	    "       fastrd -t module:app               load it, compile it, say whether it works\n"
	    "\n");
	for (size_t i = 0; i < CONF_COUNT; i++) {
		char left[64];

		snprintf(left, sizeof(left), "--%s %s", rows[i].flag, rows[i].argument);
		printf("  %-34s %s", left, rows[i].help);
		if (rows[i].type == NUMBER)
			printf(" [%ld]", rows[i].number);
		else if (rows[i].type == TEXT && rows[i].text[0] != '\0')
			printf(" [%s]", rows[i].text);
		printf("\n");
	}
	printf("  %-34s %s\n  %-34s %s\n\n", "--help", "this text", "--version", "the version");
	printf("Signals: TERM, QUIT drain; INT quickly; HUP reload; TTIN, TTOU one worker\n"
	    "more or less. Every flag can be set as FASTRD_NAME in the environment.\n");
}

/* `where` is the flag or variable that has the value, with its "=" or " ". */
static int
value_set(struct master_conf *c, size_t key, const char *where, const char *value)
{
	const struct row *row = &rows[key];
	char *end;
	long n;

	if (row->type == TEXT) {
		c->text[key] = value;
		return 0;
	}
	errno = 0;
	n = strtol(value, &end, 10);
	if (errno != 0 || *end != '\0' || (*value != '-' && (*value < '0' || *value > '9')) ||
	    n < row->low || n > row->high) {
		fprintf(stderr, "fastrd: %s%s: want a number from %ld to %ld\n", where, value,
		    row->low, row->high);
		return -1;
	}
	c->number[key] = n;
	return 0;
}

static int
variable_read(struct master_conf *c, size_t key, const char *name)
{
	const char *value = getenv(name);
	char where[72];

	snprintf(where, sizeof(where), "%s=", name);
	return value == NULL || *value == '\0' ? 0 : value_set(c, key, where, value);
}

static int
environment_read(struct master_conf *c)
{
	static const struct {
		const char *name;
		enum master_conf_key key;
	} common[] = { { "PORT", CONF_port }, { "WEB_CONCURRENCY", CONF_workers } };

	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++)
		if (variable_read(c, common[i].key, common[i].name) < 0)
			return -1;
	for (size_t i = 0; i < CONF_COUNT; i++) {
		char name[64];
		int n = snprintf(name, sizeof(name), "FASTRD_%s", rows[i].name);

		for (int k = 0; k < n; k++)
			if (name[k] >= 'a' && name[k] <= 'z')
				name[k] = (char)(name[k] - 'a' + 'A');
		if (variable_read(c, i, name) < 0)
			return -1;
	}
	return 0;
}

/* Is the flag of `len` bytes the one in the table, or one of those it stands for? */
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
flag_read(struct master_conf *c, const char *flag, const char *value)
{
	const char *eq = strchr(flag, '=');
	size_t len = eq != NULL ? (size_t)(eq - flag) : strlen(flag);
	int took = eq != NULL ? 1 : 2;
	char where[72];

	if (eq != NULL)
		value = eq + 1;
	for (size_t i = 0; i < CONF_COUNT; i++) {
		if (!flag_is(flag, len, rows[i].flag))
			continue;
		if (rows[i].type == SWITCH && eq == NULL) {
			c->number[i] = 1;
			return 1;
		}
		if (value == NULL)
			return usage("a value is missing after --", rows[i].flag);
		snprintf(where, sizeof(where), "--%s%c", rows[i].flag, eq != NULL ? '=' : ' ');
		return value_set(c, i, where, value) < 0 ? -1 : took;
	}
	return foreign_flag(flag, len);
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
			took = flag_read(c, "workers", next);
		else if (arg[0] == '-')
			took = flag_read(c, arg + (arg[1] == '-' ? 2 : 1), next);
		else
			took = word_read(c, arg) < 0 ? -1 : 1;
		if (took < 0)
			return -1;
		i += took;
	}
	return 0;
}

/* Is `word` one of the `words`, which are separated by spaces? */
static bool
one_of(const char *word, const char *words)
{
	size_t len = strlen(word);

	for (const char *p = words; p != NULL; p = strchr(p, ' ')) {
		p += *p == ' ';
		if (strncmp(p, word, len) == 0 && (p[len] == ' ' || p[len] == '\0'))
			return true;
	}
	return false;
}

static int
words_check(const struct master_conf *c)
{
	const char *sync = c->text[CONF_sync], *level = c->text[CONF_log_level];
	const char *force = getenv("FASTRD_FORCE");

	if (c->app == NULL && c->command == COMMAND_EXPLAIN)
		return usage("explain wants METHOD PATH module:app", "");
	if (c->app == NULL)
		return usage("no application given, as in: fastrd main:app", "");
	if (!one_of(level, "debug info warning error trace critical"))
		return usage("--log-level wants debug, info, warning or error, not ", level);
	if (force != NULL && !one_of(force, "compiled asgi none")) {
		fprintf(stderr, "fastrd: FASTRD_FORCE=%s: want compiled, asgi or none\n", force);
		return -1;
	}
	if (!one_of(sync, "threads auto inline"))
		return usage("--sync wants threads, auto or inline, not ", sync);
	return 0;
}

int
master_conf_read(struct master_conf *c, int argc, char **argv)
{
	int rc;

	memset(c, 0, sizeof(*c));
	for (size_t i = 0; i < CONF_COUNT; i++) {
		c->text[i] = rows[i].text;
		c->number[i] = rows[i].number;
	}
	if (environment_read(c) < 0)
		return -1;
	rc = flags_read(c, argc, argv);
	return rc != 0 ? rc : words_check(c);
}
