/*
 * test_master_glob: which files and directories count.
 */
#include <CUnit/Basic.h>
#include <string.h>

#include "base/conf.h"
#include "master/glob.h"
#include "tests/unit/suite.h"

struct row {
	const char *path;
	bool counts;
};

enum { ROOT = sizeof("/tests/shop") - 1 };

static void
check(const char *include, const char *exclude, const struct row *rows)
{
	struct conf c;

	conf_init(&c);
	c.reload_include = include;
	c.reload_exclude = exclude;
	for (; rows->path != NULL; rows++)
		if (master_glob_file(&c, rows->path, ROOT) != rows->counts)
			CU_FAIL(rows->path);
}

static void
test_defaults(void)
{
	static const struct row rows[] = {
		{ "/tests/shop/a.py", true }, { "/tests/shop/x/y/a.py", true },
		{ "/tests/shop/a.pyc", false }, { "/tests/shop/.a.py", false },
		{ "/tests/shop/a.txt", false }, { "/tests/shop/~a.py", false },
		{ "/tests/shop/a.py~", false }, { "/tests/shop/.env", false },
		{ "/tests/shop/4913", false }, { "/tests/shop/.sw.py", false },
		{ NULL, false },
	};

	check("", "", rows);
}

static void
test_included(void)
{
	static const struct row rows[] = {
		{ "/tests/shop/a.py", true }, { "/tests/shop/t/a.html", true },
		{ "/tests/shop/.env", true }, { "/tests/shop/a.env", false },
		{ "/tests/shop/css/a.css", true }, { "/tests/shop/a.css", false },
		{ "/tests/shop/.hidden.html", false }, { "/tests/shop/whole", true },
		{ NULL, false },
	};

	check("*.html\n.env\ncss/*.css\n/tests/shop/whole", "", rows);
}

static void
test_excluded(void)
{
	static const struct row rows[] = {
		{ "/tests/shop/a.py", true }, { "/tests/shop/test_a.py", false },
		{ "/tests/shop/x/tests/a.py", false }, { "/tests/shop/x/tests/y/a.py", false },
		{ "/tests/shop/tests", false },
		{ "/tests/shop/a/b/c.py", false }, { "/tests/shop/b/c.py", true },
		{ NULL, false },
	};
	static const struct row all[] = { { "/tests/shop/a.py", false }, { NULL, false } };

	check("", "test_*.py\n./tests/\na/b", rows);
	check("", "*.py", all);
}

static void
test_directories(void)
{
	static const struct row rows[] = {
		{ "/tests/shop/x", false }, { "/tests/shop/.git", true },
		{ "/tests/shop/x/__pycache__", true }, { "/tests/shop/node_modules", true },
		{ "/tests/shop/build", true }, { "/tests/shop/x/build/y", true }, { NULL, false },
	};
	struct conf c;

	conf_init(&c);
	c.reload_exclude = "build";
	for (const struct row *row = rows; row->path != NULL; row++)
		if (master_glob_skips(&c, row->path, ROOT) != row->counts)
			CU_FAIL(row->path);
}

static CU_TestInfo tests[] = {
	{ "defaults", test_defaults },
	{ "included", test_included },
	{ "excluded", test_excluded },
	{ "directories", test_directories },
	CU_TEST_INFO_NULL,
};

int
main(void)
{
	return suite_run("glob", tests);
}
