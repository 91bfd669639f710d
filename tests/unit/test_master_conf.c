/*
 * test_master_conf: flags and environment become a configuration, or one line.
 */
#include <CUnit/Basic.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/arguments.h"
#include "master/conf.h"

static struct master_conf conf;
static char said[8192];		/* on both standard streams */

/* master_conf_read() of the words of `line`. */
static int
read_line(const char *line)
{
	static char words[512];
	char *argv[32] = { "fastrd" }, *save = NULL;
	int argc = 1, rc, out = dup(1), err = dup(2);
	FILE *file = tmpfile();

	snprintf(words, sizeof(words), "%s", line);
	for (char *w = strtok_r(words, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	fflush(stdout);
	dup2(fileno(file), 1);
	dup2(fileno(file), 2);
	rc = master_conf_read(&conf, argc, argv);
	fflush(stdout);
	dup2(out, 1);
	dup2(err, 2);
	close(out);
	close(err);
	rewind(file);
	said[fread(said, 1, sizeof(said) - 1, file)] = '\0';
	fclose(file);
	return rc;
}

static void
test_defaults(void)
{
	CU_ASSERT_EQUAL(read_line("main:app"), 0);
	CU_ASSERT_EQUAL(conf.command, COMMAND_SERVE);
	CU_ASSERT_STRING_EQUAL(conf.app, "main:app");
	CU_ASSERT_STRING_EQUAL(conf.values.host, "127.0.0.1");
	CU_ASSERT_EQUAL(conf.values.port, 8000);
	CU_ASSERT_EQUAL(conf.values.factory, 0);
	CU_ASSERT_STRING_EQUAL(said, "");
}

static void
test_flags_before_and_after_the_application(void)
{
	CU_ASSERT_EQUAL(read_line("--port 80 a.b:c.d --host=:: -w 3 --factory --root-path /x"), 0);
	CU_ASSERT_STRING_EQUAL(conf.app, "a.b:c.d");
	CU_ASSERT_EQUAL(conf.values.port, 80);
	CU_ASSERT_STRING_EQUAL(conf.values.host, "::");
	CU_ASSERT_EQUAL(conf.values.workers, 3);
	CU_ASSERT_EQUAL(conf.values.factory, 1);
	CU_ASSERT_STRING_EQUAL(conf.values.root_path, "/x");
	CU_ASSERT_EQUAL(read_line("a:b --port 1 --port 2"), 0);
	CU_ASSERT_EQUAL(conf.values.port, 2);
	CU_ASSERT_EQUAL(read_line("a:b --factory=0"), 0);
	CU_ASSERT_EQUAL(conf.values.factory, 0);
}

static void
test_commands(void)
{
	CU_ASSERT_EQUAL(read_line("routes a:b"), 0);
	CU_ASSERT_EQUAL(conf.command, COMMAND_ROUTES);
	CU_ASSERT_EQUAL(read_line("explain GET /x a:b"), 0);
	CU_ASSERT_EQUAL(conf.command, COMMAND_EXPLAIN);
	CU_ASSERT_STRING_EQUAL(conf.explain[0], "GET");
	CU_ASSERT_STRING_EQUAL(conf.explain[1], "/x");
	CU_ASSERT_STRING_EQUAL(conf.app, "a:b");
	CU_ASSERT_EQUAL(read_line("-t a:b"), 0);
	CU_ASSERT_EQUAL(conf.command, COMMAND_TEST);
	CU_ASSERT_EQUAL(read_line("--help"), 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "--timeout-graceful-shutdown S"));
	CU_ASSERT_EQUAL(read_line("--version"), 1);
	CU_ASSERT_EQUAL(strncmp(said, "fastrd ", 7), 0);
}

static void
test_the_later_wins(void)
{
	setenv("PORT", "1", 1);
	setenv("WEB_CONCURRENCY", "5", 1);
	CU_ASSERT_EQUAL(read_line("a:b"), 0);
	CU_ASSERT_EQUAL(conf.values.port, 1);
	CU_ASSERT_EQUAL(conf.values.workers, 5);
	setenv("FASTRD_PORT", "2", 1);
	setenv("FASTRD_TIMEOUT_KEEP_ALIVE", "9", 1);
	setenv("FASTRD_HOST", "", 1);
	CU_ASSERT_EQUAL(read_line("a:b"), 0);
	CU_ASSERT_EQUAL(conf.values.port, 2);
	CU_ASSERT_EQUAL(conf.values.timeout_keep_alive_ms, 9000);
	CU_ASSERT_STRING_EQUAL(conf.values.host, "127.0.0.1");
	CU_ASSERT_EQUAL(read_line("a:b --port 3"), 0);
	CU_ASSERT_EQUAL(conf.values.port, 3);
	/* As Kubernetes sets it for a service of that name. */
	setenv("FASTRD_PORT", "tcp://10.0.0.1:80", 1);
	CU_ASSERT_EQUAL(read_line("a:b"), -1);
	CU_ASSERT_STRING_EQUAL(said,
	    "fastrd: FASTRD_PORT=tcp://10.0.0.1:80: want a number from 0 to 65535\n");
	unsetenv("PORT");
	unsetenv("WEB_CONCURRENCY");
	unsetenv("FASTRD_PORT");
	unsetenv("FASTRD_TIMEOUT_KEEP_ALIVE");
	unsetenv("FASTRD_HOST");
}

static void
test_what_is_wrong_is_one_line(void)
{
	static const struct {
		const char *line, *text;
	} rows[] = {
		{ "", "no application given" },
		{ "app", "app: want module:attribute" },
		{ ":app", "want module:attribute" },
		{ "app:", "want module:attribute" },
		{ "a:b c:d", "one application only, and not also c:d" },
		{ "routes", "no application given" },
		{ "explain GET a:b", "explain wants METHOD PATH module:app" },
		{ "serve a:b", "serve: want module:attribute, as in main:app" },
		{ "src/main.py", "src/main.py: want module:attribute, as in --app-dir src main:app" },
		{ "main.py:app", "as in --app-dir src main:app" },
		{ "a:b --nope", "unknown flag --nope; see fastrd --help" },
		{ "a:b -", "unknown flag --" },
		{ "a:b --por 80", "unknown flag --por;" },
		{ "a:b --port", "a value is missing after --port" },
		{ "a:b --port 65536", "--port 65536: want a number from 0 to 65535" },
		{ "a:b --port=-1", "--port=-1: want a number from 0 to 65535" },
		{ "a:b --port 0x50", "--port 0x50: want" },
		{ "a:b --port 80a", "--port 80a: want" },
		{ "a:b --port +80", "--port +80: want" },
		{ "a:b --port=", "--port=: want" },
		{ "a:b --port 99999999999999999999", "want a number" },
		{ "a:b --workers 0", "--workers 0: want a number from 1 to 64" },
		{ "a:b --factory=2", "--factory=2: want a number from 0 to 1" },
		{ "a:b --sync fast", "fastrd: --sync fast: want threads, auto or inline\n" },
		{ "a:b --sync inlin", "--sync inlin: want" },
		{ "a:b --log-level loud", "--log-level loud: want debug, info, warning or error\n" },
		{ "a:b --reload", "--reload: development reload is not available yet" },
		{ "a:b -c x", "fastrd: -c: configuration files are not available yet" },
		{ "a:b --ssl-ciphers=x", "--ssl-ciphers: TLS is not available yet" },
		{ "a:b --ssl", "unknown flag --ssl;" },
		{ "a:b --ssl-", "unknown flag --ssl-;" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CU_ASSERT_EQUAL(read_line(rows[i].line), -1);
		CU_ASSERT_EQUAL(strncmp(said, "fastrd: ", 8), 0);
		CU_ASSERT_PTR_NOT_NULL(strstr(said, rows[i].text));
		CU_ASSERT_PTR_EQUAL(strchr(said, '\n'), said + strlen(said) - 1);
	}
	CU_ASSERT_EQUAL(read_line("a:b --no-access-log"), 0);
}

/* How often is `text` among the arguments? */
static int
given(const struct master_arguments *a, const char *text)
{
	int n = 0;

	for (int i = 0; i < a->argc; i++)
		n += strcmp(a->argv[i], text) == 0;
	return n;
}

static void
test_children_are_given_what_they_read(void)
{
	static struct master_arguments a;

	CU_ASSERT_EQUAL(read_line("a:b --timeout-write 7 --workers 3 --factory --sync auto"), 0);
	master_arguments_init(&a, "python");
	master_arguments_addf(&a, "board=%u", 5u);
	master_arguments_settings(&a, &conf.values);
	CU_ASSERT_FALSE(a.overflow);
	CU_ASSERT_STRING_EQUAL(a.argv[0], "python");
	CU_ASSERT_STRING_EQUAL(a.argv[1], "-P");
	CU_ASSERT_STRING_EQUAL(a.argv[2], "board=5");
	CU_ASSERT_EQUAL(given(&a, "timeout_write=7"), 1);
	CU_ASSERT_EQUAL(given(&a, "limit_body=0"), 1);
	CU_ASSERT_EQUAL(given(&a, "root_path="), 1);
	CU_ASSERT_EQUAL(given(&a, "factory=1"), 1);
	CU_ASSERT_EQUAL(given(&a, "sync=auto"), 1);
	CU_ASSERT_EQUAL(given(&a, "workers=3"), 0);
	CU_ASSERT_PTR_NULL(a.argv[a.argc]);
}

static void
test_arguments_that_find_no_room(void)
{
	static struct master_arguments a;
	static char path[ARGUMENTS_BYTES];

	memset(path, 'x', sizeof(path) - 1);
	conf_init(&conf.values);
	conf.values.app_dir = path;
	master_arguments_init(&a, "python");
	master_arguments_settings(&a, &conf.values);
	CU_ASSERT_TRUE(a.overflow);
	master_arguments_init(&a, "python");
	for (int i = 0; i < ARGUMENTS_MAX; i++)
		master_arguments_add(&a, "x");
	CU_ASSERT_TRUE(a.overflow);
	CU_ASSERT_PTR_NULL(a.argv[ARGUMENTS_MAX - 1]);
}

int
main(void)
{
	CU_pSuite suite;
	int failed;

	CU_initialize_registry();
	suite = CU_add_suite("master_conf", NULL, NULL);
	CU_ADD_TEST(suite, test_defaults);
	CU_ADD_TEST(suite, test_flags_before_and_after_the_application);
	CU_ADD_TEST(suite, test_commands);
	CU_ADD_TEST(suite, test_the_later_wins);
	CU_ADD_TEST(suite, test_what_is_wrong_is_one_line);
	CU_ADD_TEST(suite, test_children_are_given_what_they_read);
	CU_ADD_TEST(suite, test_arguments_that_find_no_room);
	CU_basic_run_tests();
	failed = (int)CU_get_number_of_tests_failed();
	CU_cleanup_registry();
	return failed != 0;
}
