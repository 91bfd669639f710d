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
#include "tests/unit/suite.h"

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
	CU_ASSERT_EQUAL(read_line("new shop"), 0);
	CU_ASSERT_EQUAL(conf.command, COMMAND_NEW);
	CU_ASSERT_STRING_EQUAL(conf.directory, "shop");
	CU_ASSERT_STRING_EQUAL(conf.app, "");
	CU_ASSERT_EQUAL(read_line("routes new:app"), 0);
	CU_ASSERT_EQUAL(conf.command, COMMAND_ROUTES);
	CU_ASSERT_EQUAL(read_line("new"), -1);
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
		{ "a:b c:d", "one application only: a:b and c:d are two; see fastrd --help" },
		{ "serve a:b", "one application only: serve and a:b are two" },
		{ "explain", "explain wants METHOD PATH, as in: fastrd explain GET /" },
		{ "explain GET", "explain wants METHOD PATH" },
		{ "dev a.py b.py", "one application only: a.py and b.py are two" },
		{ "dev a:b --app c", "--app c: a:b names the application; leave one out\n" },
		{ "a:b --reload-delay 1.5x", "--reload-delay 1.5x: want a number" },
		{ "a:b --timeout-header 1.5", "--timeout-header 1.5: want a number" },
		{ "a:b --nope", "unknown flag --nope; see fastrd --help" },
		{ "a:b -", "unknown flag --" },
		{ "a:b --", "unknown flag --" },
		{ "a:b -z", "unknown flag -z; see fastrd --help" },
		{ "a:b --por 80", "unknown flag --por; did you mean --port?\n" },
		{ "a:b --prot 80", "unknown flag --prot; did you mean --port?\n" },
		{ "a:b --ho ::", "unknown flag --ho; did you mean --host?\n" },
		{ "a:b --worker 2", "unknown flag --worker; did you mean --workers?\n" },
		{ "a:b --hlep", "unknown flag --hlep; did you mean --help?\n" },
		{ "a:b --timeout-k 2", "did you mean --timeout-keep-alive?\n" },
		{ "a:b --timeou 2", "did you mean --timeout? (" },
		{ "a:b --time 2", "unknown flag --time; see fastrd --help" },
		{ "a:b --keepalive 5", "did you mean --keep-alive? (use --timeout-keep-alive)\n" },
		{ "a:b --no-serverheader", "unknown flag --no-serverheader; did you mean" },
		{ "a:b --no-frob", "unknown flag --no-frob; see fastrd --help" },
		{ "a:b -port 80", "unknown flag -port; did you mean --port?\n" },
		{ "a:b -p 80", "fastrd: -p: did you mean --port?\n" },
		{ "a:b --port", "--port wants a value: --port N\n" },
		{ "--host a:b", "--host wants a value: --host ADDRESS\n" },
		{ "--port a:b", "--port wants a value: --port N\n" },
		{ "--uds a.b:c()", "--uds wants a value" },
		{ "--host --workers 2", "--host wants a value" },
		{ "a:b --port 65536", "--port 65536: want a number from 0 to 65535" },
		{ "a:b --port=-1", "--port=-1: want a number from 0 to 65535" },
		{ "a:b --port 0x50", "--port 0x50: want" },
		{ "a:b --port 80a", "--port 80a: want" },
		{ "a:b --port +80", "--port +80: want" },
		{ "a:b --port=", "--port=: want" },
		{ "a:b --port 99999999999999999999", "want a number" },
		{ "a:b --workers 0", "--workers 0: want a number from 1 to 64" },
		{ "a:b --factory=2", "--factory=2: want true or false" },
		{ "a:b --sync fast", "fastrd: --sync fast: want threads, auto or inline\n" },
		{ "a:b --sync inlin", "--sync inlin: want" },
		{ "a:b --log-level loud", "--log-level loud: want debug, info, warning or error\n" },
		{ "a:b --reload-dirs x", "--reload-dirs: use --reload-dir DIR" },
		{ "a:b -c", "fastrd: --config wants a value: --config FILE\n" },
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
	CU_ASSERT_EQUAL(read_line("a:b --no-access-log --no-reload --server-header"), 0);
}

/* A pasted command: one line for each flag that is wrong, and none for their values. */
static void
test_all_that_is_wrong_is_named_at_once(void)
{
	CU_ASSERT_EQUAL(read_line("--ssl-keyfile k.pem a:b --no-ws --loop auto --http2 --por 80"), -1);
	CU_ASSERT_STRING_EQUAL(said,
	    "fastrd: --ssl-keyfile: TLS is not available yet; put a proxy in front\n"
	    "fastrd: --no-ws: use --ws none\n"
	    "fastrd: --http2: HTTP/2 is not available yet; put a proxy in front\n"
	    "fastrd: unknown flag --por; did you mean --port?\n");
	CU_ASSERT_EQUAL(read_line("--reload --nope --help"), 1);
	CU_ASSERT_PTR_NULL(strstr(said, "fastrd: "));
}

static void
test_values_that_might_be_something_else(void)
{
	CU_ASSERT_EQUAL(read_line("a:b --uds=c:d --host ::1 --fd -1"), 0);
	CU_ASSERT_STRING_EQUAL(conf.values.uds, "c:d");
	CU_ASSERT_STRING_EQUAL(conf.values.host, "::1");
	CU_ASSERT_EQUAL(read_line("--host abcd:ef01::1 a:b"), 0);
	CU_ASSERT_EQUAL(read_line("--factory a:b --no-factory -w4"), 0);
	CU_ASSERT_EQUAL(conf.values.factory, 0);
	CU_ASSERT_EQUAL(conf.values.workers, 4);
}

/* Which application it is, its own Python finds out. */
static void
test_any_word_may_be_the_application(void)
{
	static const char *const words[] = { "main", "main.py", "src/main.py:app", "a:b()", ":app" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		CU_ASSERT_EQUAL(read_line(words[i]), 0);
		CU_ASSERT_STRING_EQUAL(conf.app, words[i]);
	}
	CU_ASSERT_EQUAL(read_line("run main.py"), 0);
	CU_ASSERT_STRING_EQUAL(conf.app, "main.py");
	CU_ASSERT_EQUAL(read_line("explain GET run"), 0);
	CU_ASSERT_STRING_EQUAL(conf.explain[1], "run");
	CU_ASSERT_EQUAL(read_line("routes --port 1"), 0);
	CU_ASSERT_EQUAL(conf.command, COMMAND_ROUTES);
	CU_ASSERT_STRING_EQUAL(conf.app, "");
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
test_secrets_are_no_arguments(void)
{
	static struct master_arguments a;

	conf_init(&conf.values);
	conf.values.session_secret = "nobody sees it";
	master_arguments_init(&a, "python");
	master_arguments_settings(&a, &conf.values);
	for (int i = 0; i < a.argc; i++)
		CU_ASSERT_PTR_NULL(strstr(a.argv[i], "nobody sees it"));
	CU_ASSERT_EQUAL(master_arguments_secrets(&conf.values), 0);
	CU_ASSERT_STRING_EQUAL(getenv("FASTRD_SESSION_SECRET"), "nobody sees it");
	conf.values.session_secret = "";
	CU_ASSERT_EQUAL(master_arguments_secrets(&conf.values), 0);
	CU_ASSERT_PTR_NULL(getenv("FASTRD_SESSION_SECRET"));
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
	CU_TestInfo tests[] = {
		{ "test_defaults", test_defaults },
		{ "test_flags_before_and_after_the_application",
		    test_flags_before_and_after_the_application },
		{ "test_commands", test_commands },
		{ "test_the_later_wins", test_the_later_wins },
		{ "test_what_is_wrong_is_one_line", test_what_is_wrong_is_one_line },
		{ "test_all_that_is_wrong_is_named_at_once",
		    test_all_that_is_wrong_is_named_at_once },
		{ "test_values_that_might_be_something_else",
		    test_values_that_might_be_something_else },
		{ "test_any_word_may_be_the_application", test_any_word_may_be_the_application },
		{ "test_children_are_given_what_they_read",
		    test_children_are_given_what_they_read },
		{ "test_secrets_are_no_arguments", test_secrets_are_no_arguments },
		{ "test_arguments_that_find_no_room", test_arguments_that_find_no_room },
		CU_TEST_INFO_NULL,
	};

	return suite_run("master_conf", tests);
}
