/*
 * Settings between Python and C: every row, every value that is none.
 */
#include "tests/unit/python_fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/must.h"
#include "bindings/app.h"
#include "engine/settings.h"
#include "shm/board.h"

static struct conf conf;
static PyObject *owner;

static int
read_settings(const char *dict)
{
	PyObject *given = python_keep(py(dict));

	Py_CLEAR(owner);
	return engine_settings_read(given, &conf, &owner);
}

/* Are all settings but `except` (NULL: none) what they are without a word about them? */
static bool
usual(const struct conf_row *except)
{
	struct conf defaults;

	conf_init(&defaults);
	for (size_t i = 0; i < CONF_COUNT; i++) {
		char got[64], want[64];

		conf_print(&conf, &conf_rows[i], got, sizeof(got));
		conf_print(&defaults, &conf_rows[i], want, sizeof(want));
		if (&conf_rows[i] != except && strcmp(got, want) != 0)
			return false;
	}
	return true;
}

/* Refused with that exception; nothing is left behind. */
static bool
refused(const char *dict, const char *raises)
{
	bool is = read_settings(dict) == -1 && py_raised(raises);

	CU_ASSERT_PTR_NULL(owner);
	CU_ASSERT(usual(NULL));
	if (!is)
		fprintf(stderr, "%s is not refused with %s\n", dict, raises);
	return is;
}

static bool
is_number(const struct conf_row *row)
{
	return !conf_is_text(row) && row->type != CONF_WORD &&
	    (row->marks & CONF_ALONE) != 0;
}

static void
test_defaults(void)
{
	CU_ASSERT_EQUAL(read_settings("{}"), 0);
	CU_ASSERT(usual(NULL));
	CU_ASSERT_EQUAL(conf.timeout_keep_alive_ms,
	    conf_rows[CONF_timeout_keep_alive].number * 1000);
}

/* Each number goes to its own member, and to no other; as a text it is the same. */
static void
test_numbers(void)
{
	static const char *const forms[] = { "{'%s': %lld}", "{'%s': '%lld'}" };
	size_t seen = 0;
	char dict[96];

	for (size_t i = 0; i < CONF_COUNT; i++) {
		const struct conf_row *row = &conf_rows[i];
		const int64_t values[] = { row->low, row->high };

		for (size_t k = 0; is_number(row) && k < 4; k++) {
			snprintf(dict, sizeof(dict), forms[k / 2], row->name, (long long)values[k % 2]);
			CU_ASSERT_EQUAL(read_settings(dict), 0);
			CU_ASSERT_EQUAL(conf_number(&conf, row), values[k % 2]);
			CU_ASSERT(usual(row));
			seen++;
		}
	}
	CU_ASSERT(seen >= 40);
}

static void
test_numbers_that_are_none(void)
{
	static const struct { const char *value, *raises; } rows[] = {
		{ "1.0", "TypeError" }, { "None", "TypeError" }, { "True", "TypeError" },
		{ "b'1'", "TypeError" }, { "[1]", "TypeError" }, { "2**64", "ValueError" },
		{ "-2**31", "ValueError" }, { "''", "ValueError" }, { "'1 '", "ValueError" },
		{ "'1\\0'", "ValueError" }, { "'\\ud800'", "UnicodeEncodeError" },
	};
	char dict[96];

	for (size_t i = 0; i < CONF_COUNT; i++) {
		const struct conf_row *row = &conf_rows[i];

		if (!is_number(row))
			continue;
		for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
			if (row->type == CONF_SWITCH && strcmp(rows[r].value, "True") == 0)
				continue;
			snprintf(dict, sizeof(dict), "{'%s': %s}", row->name, rows[r].value);
			CU_ASSERT(refused(dict, rows[r].raises));
		}
		snprintf(dict, sizeof(dict), "{'%s': %lld}", row->name, (long long)row->high + 1);
		CU_ASSERT(refused(dict, "ValueError"));
		snprintf(dict, sizeof(dict), "{'%s': %lld}", row->name, (long long)row->low - 1);
		CU_ASSERT(refused(dict, "ValueError"));
	}
}

static void
test_unknown_names(void)
{
	CU_ASSERT(refused("{'limit_lines': 1}", "KeyError"));
	CU_ASSERT(refused("{'': 1}", "KeyError"));
	CU_ASSERT(refused("{'LIMIT_LINE': 1}", "KeyError"));
	CU_ASSERT(refused("{'limit-line': 1}", "KeyError"));
	CU_ASSERT(refused("{1: 1}", "TypeError"));
	CU_ASSERT(refused("{b'limit_line': 1}", "TypeError"));
	CU_ASSERT(refused("{'\\ud800': 1}", "UnicodeEncodeError"));
	CU_ASSERT(refused("{'limit_line\\0': 1}", "ValueError"));
}

/* What only the import of the application needs is not looked at: a path need not be
 * UTF-8. */
static void
test_rows_of_others(void)
{
	CU_ASSERT_EQUAL(read_settings("{'app_dir': '\\udcff', 'factory': None}"), 0);
	CU_ASSERT(usual(NULL));
}

static void
test_texts(void)
{
	CU_ASSERT_EQUAL(read_settings("{'root_path': ''.join(['/ap', '\\xec'])}"), 0);
	CU_ASSERT_STRING_EQUAL(conf.root_path, "/ap\xc3\xac");
	CU_ASSERT(refused("{'root_path': b'/a'}", "TypeError"));
	CU_ASSERT(refused("{'root_path': 7}", "TypeError"));
	CU_ASSERT(refused("{'root_path': None}", "TypeError"));
	CU_ASSERT(refused("{'root_path': '\\ud800'}", "UnicodeEncodeError"));
	CU_ASSERT(refused("{'root_path': '/a\\0b'}", "ValueError"));
	CU_ASSERT(refused("{'root_path': '/a', 'unknown': 1}", "KeyError"));
}

/* A word is the number that its enumeration gives it. */
static void
test_words(void)
{
	static const struct { const char *name; unsigned place; } syncs[] = {
		{ "threads", PYB_SYNC_THREADS }, { "auto", PYB_SYNC_AUTO },
		{ "inline", PYB_SYNC_INLINE },
	}, forces[] = {
		{ "compiled", PYB_FORCE_COMPILED }, { "asgi", PYB_FORCE_ASGI },
		{ "none", PYB_FORCE_NONE },
	};
	char dict[64];

	for (size_t i = 0; i < 3; i++) {
		snprintf(dict, sizeof(dict), "{'sync': '%s', 'force': '%s'}", syncs[i].name,
		    forces[i].name);
		CU_ASSERT_EQUAL(read_settings(dict), 0);
		CU_ASSERT_EQUAL(conf.sync, syncs[i].place);
		CU_ASSERT_EQUAL(conf.force, forces[i].place);
	}
	CU_ASSERT(refused("{'sync': 'thread'}", "ValueError"));
	CU_ASSERT(refused("{'sync': 'threads auto'}", "ValueError"));
	CU_ASSERT(refused("{'sync': ''}", "ValueError"));
}

static bool
holds(const char *expression)
{
	return py_equal(py(expression), "True");
}

/* settings() of these arguments. */
static bool
settings_refused(const char *arguments, const char *raises)
{
	PyObject *argument = py(arguments), *done = py_call("settings", argument);
	bool is = done == NULL && py_raised(raises);

	Py_DECREF(argument);
	Py_XDECREF(done);
	return is;
}

static void
test_what_python_is_given(void)
{
	char number[32];

	snprintf(number, sizeof(number), "%lld",
	    (long long)conf_rows[CONF_timeout_keep_alive].number);
	CU_ASSERT(py_equal(py("settings(('child', {}))['timeout_keep_alive']"), number));
	CU_ASSERT(holds("settings(('child', {'limit_body': '9'}))['limit_body'] == 9"));
	CU_ASSERT(holds("settings(('child', {'factory': True}))['factory'] is True"));
	CU_ASSERT(holds("settings(('child', {'log_level': 'trace'}))['log_level'] == 'debug'"));
	CU_ASSERT(holds("settings(('child', {'app_dir': '\\udcff'}))['app_dir'] == '\\udcff'"));
	CU_ASSERT(holds("'workers' not in settings(('child', {}))"));
	CU_ASSERT(holds("settings(('alone', {'backlog': 7}))['backlog'] == 7"));
	CU_ASSERT(settings_refused("('alone', {'workers': 2})", "KeyError"));
	CU_ASSERT(settings_refused("('child', {'backlog': 7})", "KeyError"));
	CU_ASSERT(settings_refused("('child', {7: 7})", "KeyError"));
	CU_ASSERT(settings_refused("('alone', {'backlog': 0})", "ValueError"));
	CU_ASSERT(settings_refused("('alone', {'root_path': b''})", "TypeError"));
}

static void
test_the_environment_gives_way(void)
{
	setenv("FASTRD_LIMIT_FIELDS", "7", 1);
	CU_ASSERT(holds("settings(('alone', {}))['limit_fields'] == 7"));
	CU_ASSERT(holds("settings(('alone', {'limit_fields': 8}))['limit_fields'] == 8"));
	setenv("FASTRD_LIMIT_FIELDS", "many", 1);
	CU_ASSERT(settings_refused("('alone', {})", "ValueError"));
	unsetenv("FASTRD_LIMIT_FIELDS");
}

static bool
settings_made(void *arg)
{
	PyObject *const *call = arg;
	PyObject *made = PyObject_CallObject(call[0], call[1]);
	bool is = made != NULL || PyErr_ExceptionMatches(PyExc_MemoryError);

	PyErr_Clear();
	Py_XDECREF(made);
	return is;
}

static void
test_settings_survive_the_lack_of_memory(void)
{
	PyObject *call[] = { py("_engine.settings"),
		py("('child', {'limit_body': 10**6, 'app_dir': 'x'})") };

	CU_ASSERT(python_survives(settings_made, call));
	Py_DECREF(call[0]);
	Py_DECREF(call[1]);
}

/* A memfd like a slot's board; as a name in the tests' namespace. */
static int
board_fd(off_t size)
{
	PyObject *names = py("globals()"), *number;
	int fd = memfd_create("board", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	must(fd >= 0 && ftruncate(fd, size) == 0);
	number = PyLong_FromLong(fd);
	PyDict_SetItemString(names, "fd", number);
	Py_DECREF(number);
	Py_DECREF(names);
	return fd;
}

static bool
boards_refused(const char *boards, const char *raises)
{
	PyObject *argument = py(boards), *done = py_call("worker", argument);
	bool is = done == NULL && py_raised(raises);

	Py_DECREF(argument);
	Py_XDECREF(done);
	return is;
}

static void
test_board(void)
{
	int fd = shm_boards_create("test", 2);
	struct shm_boards boards;
	const struct shm_board *board;
	char text[40];

	snprintf(text, sizeof(text), "worker((%d, 1, 7))", fd);
	Py_DECREF(py(text));
	CU_ASSERT_EQUAL_FATAL(shm_boards_attach(&boards, fd), 0);
	board = shm_boards_at(&boards, 1);
	CU_ASSERT_EQUAL(board->pid, (uint32_t)getpid());
	CU_ASSERT_EQUAL(board->generation, 7);
	snprintf(text, sizeof(text), "(%d, 2, 7)", fd);
	CU_ASSERT(boards_refused(text, "OSError"));
	shm_boards_detach(&boards);
	close(fd);
}

static void
test_boards_that_are_none(void)
{
	int fd = board_fd(16);

	CU_ASSERT(boards_refused("(fd, 0, 1)", "OSError"));
	CU_ASSERT(boards_refused("(-1, 0, 1)", "OSError"));
	CU_ASSERT(boards_refused("(fd, 0)", "TypeError"));
	CU_ASSERT(boards_refused("(fd, 1, 2, 3)", "TypeError"));
	CU_ASSERT(boards_refused("('fd', 0, 1)", "TypeError"));
	CU_ASSERT(boards_refused("(fd, 0, 'x')", "TypeError"));
	CU_ASSERT(boards_refused("(2**40, 0, 1)", "OverflowError"));
	CU_ASSERT(boards_refused("fd", "TypeError"));
	CU_ASSERT(boards_refused("[fd, 0, 1]", "TypeError"));
	close(fd);
}

static const char definitions[] =
    "from fastrapi import _engine\n"
    "from fastrapi.loop import EventLoop\n"
    "def settings(arguments):\n"
    "    return _engine.settings(*arguments)\n"
    "def worker(boards):\n"
    "    loop = EventLoop()\n"
    "    try:\n"
    "        _engine.Worker(_engine.App(print, None), loop, {}, boards)\n"
    "    finally:\n"
    "        loop.close()\n";

static void
test_definitions(void)
{
	py_do(definitions);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "definitions", test_definitions },
		{ "defaults", test_defaults },
		{ "numbers", test_numbers },
		{ "numbers that are none", test_numbers_that_are_none },
		{ "unknown names", test_unknown_names },
		{ "rows of others", test_rows_of_others },
		{ "texts", test_texts },
		{ "words", test_words },
		{ "what Python is given", test_what_python_is_given },
		{ "the environment gives way", test_the_environment_gives_way },
		{ "settings survive the lack of memory", test_settings_survive_the_lack_of_memory },
		{ "board", test_board },
		{ "boards that are none", test_boards_that_are_none },
		CU_TEST_INFO_NULL
	};

	return python_main("engine: settings", tests);
}
