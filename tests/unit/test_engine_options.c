/*
 * Options from Python: every name, and every value that is none.
 */
#include "tests/unit/python_fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/must.h"
#include "engine/options.h"

static struct worker_options options;
static PyObject *owner;

static int
read_options(const char *dict)
{
	PyObject *given = python_keep(py(dict));

	return engine_options_read(given, &options, &owner);
}

/* Refused with that exception; nothing is left behind. */
static bool
refused(const char *dict, const char *raises)
{
	bool is = read_options(dict) == -1 && py_raised(raises);

	CU_ASSERT_PTR_NULL(owner);
	CU_ASSERT_PTR_NULL(options.board);
	if (!is)
		fprintf(stderr, "%s is not refused with %s\n", dict, raises);
	return is;
}

static const struct { const char *name; size_t offset; bool wide; } numbers[] = {
	{ "limit_line", offsetof(struct worker_options, limits.line), false },
	{ "limit_field", offsetof(struct worker_options, limits.field), false },
	{ "limit_fields", offsetof(struct worker_options, limits.fields), false },
	{ "limit_head", offsetof(struct worker_options, limits.head), false },
	{ "limit_body", offsetof(struct worker_options, limits.body), true },
	{ "header_timeout_ms", offsetof(struct worker_options, header_timeout_ms), false },
	{ "keep_alive_ms", offsetof(struct worker_options, keep_alive_ms), false },
	{ "content_timeout_ms", offsetof(struct worker_options, content_timeout_ms), false },
	{ "write_timeout_ms", offsetof(struct worker_options, write_timeout_ms), false },
};

enum { N_NUMBERS = sizeof(numbers) / sizeof(numbers[0]) };

static uint64_t
number_got(size_t i)
{
	const char *field = (const char *)&options + numbers[i].offset;
	uint32_t narrow;
	uint64_t wide;

	if (numbers[i].wide) {
		memcpy(&wide, field, sizeof(wide));
		return wide;
	}
	memcpy(&narrow, field, sizeof(narrow));
	return narrow;
}

static void
test_defaults(void)
{
	struct worker_options defaults;

	worker_options_init(&defaults);
	CU_ASSERT_EQUAL(read_options("{}"), 0);
	CU_ASSERT_EQUAL(memcmp(&options.limits, &defaults.limits, sizeof(defaults.limits)), 0);
	CU_ASSERT_EQUAL(options.keep_alive_ms, defaults.keep_alive_ms);
	CU_ASSERT_STRING_EQUAL(options.root_path, defaults.root_path);
	CU_ASSERT_PTR_NULL(options.board);
	CU_ASSERT_PTR_NULL(owner);
}

/* Each number goes to its own field, and to no other. */
static void
test_numbers(void)
{
	static const struct { const char *value; uint64_t number; } values[] = {
		{ "0", 0 }, { "1", 1 }, { "2**32 - 1", UINT32_MAX }, { "True", 1 },
	};
	struct worker_options defaults;
	uint64_t usual[N_NUMBERS];
	char dict[80];

	worker_options_init(&defaults);
	options = defaults;
	for (size_t i = 0; i < N_NUMBERS; i++)
		usual[i] = number_got(i);
	for (size_t i = 0; i < N_NUMBERS; i++)
		for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
			snprintf(dict, sizeof(dict), "{'%s': %s}", numbers[i].name, values[v].value);
			CU_ASSERT_EQUAL(read_options(dict), 0);
			for (size_t k = 0; k < N_NUMBERS; k++)
				CU_ASSERT_EQUAL(number_got(k), k == i ? values[v].number : usual[k]);
		}
	CU_ASSERT_EQUAL(read_options("{'limit_body': 2**64 - 1}"), 0);
	CU_ASSERT_EQUAL(options.limits.body, UINT64_MAX);
}

static void
test_numbers_that_are_none(void)
{
	static const struct { const char *value, *raises; bool narrow_only; } rows[] = {
		{ "-1", "OverflowError", false }, { "2**64", "OverflowError", false },
		{ "2**32", "ValueError", true }, { "1.0", "TypeError", false },
		{ "'1'", "TypeError", false }, { "None", "TypeError", false },
		{ "b'1'", "TypeError", false }, { "[1]", "TypeError", false },
	};
	char dict[80];

	for (size_t i = 0; i < N_NUMBERS; i++)
		for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++)
			if (!numbers[i].wide || !rows[r].narrow_only) {
				snprintf(dict, sizeof(dict), "{'%s': %s}", numbers[i].name,
				    rows[r].value);
				CU_ASSERT(refused(dict, rows[r].raises));
			}
}

static void
test_unknown_names(void)
{
	CU_ASSERT(refused("{'limit_lines': 1}", "ValueError"));
	CU_ASSERT(refused("{'': 1}", "ValueError"));
	CU_ASSERT(refused("{'LIMIT_LINE': 1}", "ValueError"));
	CU_ASSERT(refused("{1: 1}", "TypeError"));
	CU_ASSERT(refused("{b'limit_line': 1}", "TypeError"));
	CU_ASSERT(refused("{'\\ud800': 1}", "UnicodeEncodeError"));
	CU_ASSERT(refused("{'limit_line\\0': 1}", "ValueError"));
}

static void
test_root_path(void)
{
	PyObject *text = python_keep(py("''.join(['/ap', '\\xec'])"));
	PyObject *dict = python_keep(PyDict_New());

	PyDict_SetItemString(dict, "root_path", text);
	CU_ASSERT_EQUAL(engine_options_read(dict, &options, &owner), 0);
	CU_ASSERT_STRING_EQUAL(options.root_path, "/ap\xc3\xac");
	CU_ASSERT_PTR_EQUAL(owner, text);
	Py_CLEAR(owner);
	PyDict_Clear(dict);
	CU_ASSERT(refused("{'root_path': b'/a'}", "TypeError"));
	CU_ASSERT(refused("{'root_path': None}", "TypeError"));
	CU_ASSERT(refused("{'root_path': '\\ud800'}", "UnicodeEncodeError"));
	CU_ASSERT(refused("{'root_path': '/a\\0b'}", "ValueError"));
	CU_ASSERT(refused("{'root_path': '/a', 'unknown': 1}", "ValueError"));
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

static void
test_board(void)
{
	int fd = shm_boards_create("test", 2);
	PyObject *names = py("globals()"), *number = PyLong_FromLong(fd);

	PyDict_SetItemString(names, "fd", number);
	Py_DECREF(number);
	Py_DECREF(names);
	CU_ASSERT_EQUAL(read_options("{'boards': (fd, 1, 7)}"), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(options.board);
	CU_ASSERT_EQUAL(options.board->pid, (uint32_t)getpid());
	CU_ASSERT_EQUAL(options.board->generation, 7);
	shm_board_detach(options.board);
	shm_boards_detach(&options.boards);
	/* What comes after it is refused: it is let go again. */
	CU_ASSERT(refused("{'boards': (fd, 1, 7), 'unknown': 1}", "ValueError"));
	CU_ASSERT(refused("{'boards': (fd, 2, 7)}", "OSError"));
	CU_ASSERT(refused("{'root_path': '/a', 'boards': (fd, 1, 7), 'limit_line': -1}",
	    "OverflowError"));
	close(fd);
}

static void
test_boards_that_are_none(void)
{
	int fd = board_fd(16);

	CU_ASSERT(refused("{'boards': (fd, 0, 1)}", "OSError"));
	CU_ASSERT(refused("{'boards': (-1, 0, 1)}", "OSError"));
	CU_ASSERT(refused("{'boards': (fd, 0)}", "TypeError"));
	CU_ASSERT(refused("{'boards': (fd, 1, 2, 3)}", "TypeError"));
	CU_ASSERT(refused("{'boards': ('fd', 0, 1)}", "TypeError"));
	CU_ASSERT(refused("{'boards': (fd, 0, 'x')}", "TypeError"));
	CU_ASSERT(refused("{'boards': (2**40, 0, 1)}", "OverflowError"));
	CU_ASSERT(refused("{'boards': None}", "TypeError"));
	CU_ASSERT(refused("{'boards': fd}", "TypeError"));
	CU_ASSERT(refused("{'boards': [fd, 0, 1]}", "TypeError"));
	close(fd);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "defaults", test_defaults },
		{ "numbers", test_numbers },
		{ "numbers that are none", test_numbers_that_are_none },
		{ "unknown names", test_unknown_names },
		{ "root path", test_root_path },
		{ "board", test_board },
		{ "boards that are none", test_boards_that_are_none },
		CU_TEST_INFO_NULL
	};

	return python_main("engine: options", tests);
}
