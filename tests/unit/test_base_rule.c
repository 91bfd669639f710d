/*
 * Rules of routes: what a line may say, and which paths it is for.
 */
#include <CUnit/Basic.h>
#include <string.h>

#include "base/rule.h"
#include "tests/unit/suite.h"

static struct rule
read_one(const char *line)
{
	char why[CONF_WHY_BYTES];
	struct rule r;

	CU_ASSERT_EQUAL_FATAL(rule_read(&line, &r, why), 0);
	CU_ASSERT_STRING_EQUAL(line, "");
	return r;
}

static void
test_values(void)
{
	const char *text = "/a/{b} methods=POST,PUT limit_body=1M limit_concurrency=3 timeout_content=5 timeout=7\n/c timeout=1";
	char why[CONF_WHY_BYTES];
	struct rule r;

	CU_ASSERT_EQUAL(rule_check(text, why), 0);
	CU_ASSERT_EQUAL(rule_read(&text, &r, why), 0);
	CU_ASSERT_TRUE(slice_equal(r.path, SLICE_LIT("/a/{b}")));
	CU_ASSERT_TRUE(slice_equal(r.methods, SLICE_LIT("POST,PUT")));
	CU_ASSERT_EQUAL(r.limit_body, 1024 * 1024);
	CU_ASSERT_EQUAL(r.limit_concurrency, 3);
	CU_ASSERT_EQUAL(r.timeout_content_s, 5);
	CU_ASSERT_EQUAL(r.timeout_s, 7);
	CU_ASSERT_EQUAL(rule_read(&text, &r, why), 0);
	CU_ASSERT_TRUE(slice_equal(r.path, SLICE_LIT("/c")));
	CU_ASSERT_EQUAL(r.limit_body, -1);
	CU_ASSERT_EQUAL(r.limit_concurrency, -1);
	CU_ASSERT_EQUAL(r.timeout_content_s, -1);
	CU_ASSERT_EQUAL(r.timeout_s, 1);
	CU_ASSERT_STRING_EQUAL(text, "");
}

static void
test_refused(void)
{
	static const char *const rows[][2] = {
		{ "a limit_body=1", "want a path" }, { " limit_body=1", "want a path" },
		{ "/a{ timeout=1", "want a path" }, { "/a} timeout=1", "want a path" },
		{ "/{a{b}} timeout=1", "want a path" }, { "/{a:path}/b timeout=1", "want a path" },
		{ "/{a}{b:path} timeout=1", "want a path" }, { "/{a:path}b timeout=1", "want a path" },
		{ "/*/b timeout=1", "want a path" }, { "/a* timeout=1", "want a path" },
		{ "/a", "limit_body=10M" }, { "/a limit_bdy=1", "unknown key limit_bdy" },
		{ "/a limit_body", "unknown key limit_body" }, { "/a limit_body=1X", "limit_body=1X: want bytes" },
		{ "/a limit_body=-1", "limit_body=-1: want bytes" }, { "/a timeout=0", "timeout=0: want a number from 1" },
		{ "/a timeout=1\n/b timeout=x", "timeout=x: want a number" },
		{ "/a methods=post timeout=1", "methods=post: want them in capitals" },
		{ "/a methods= timeout=1", "want them in capitals" },
		{ "/a methods=A,,B timeout=1", "want them in capitals" },
		{ "/a methods=,A timeout=1", "want them in capitals" },
		{ "/a methods=A, timeout=1", "want them in capitals" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char why[CONF_WHY_BYTES] = "";

		CU_ASSERT_EQUAL(rule_check(rows[i][0], why), -1);
		CU_ASSERT_PTR_NOT_NULL(strstr(why, rows[i][1]));
	}
}

static void
test_number(void)
{
	char text[(RULES_MAX + 1) * 16] = "", why[CONF_WHY_BYTES];

	for (int i = 0; i < RULES_MAX; i++)
		strcat(text, "/a timeout=1\n");
	CU_ASSERT_EQUAL(rule_check(text, why), 0);
	strcat(text, "/a timeout=1\n");
	CU_ASSERT_EQUAL(rule_check(text, why), -1);
}

static void
test_paths(void)
{
	static const struct {
		const char *rule, *path;
		bool matches;
	} rows[] = {
		{ "/ timeout=1", "/", true }, { "/ timeout=1", "", false }, { "/ timeout=1", "/a", false },
		{ "/a timeout=1", "/a", true }, { "/a timeout=1", "/a/", false }, { "/a timeout=1", "/ab", false },
		{ "/a/ timeout=1", "/a/", true }, { "/a/ timeout=1", "/a", false },
		{ "/a/{b} timeout=1", "/a/x", true }, { "/a/{b} timeout=1", "/a/", false },
		{ "/a/{b} timeout=1", "/a/x/y", false }, { "/a/{b:int} timeout=1", "/a/7", true },
		{ "/{a}/c timeout=1", "/x/c", true }, { "/{a}/c timeout=1", "/x/d", false },
		{ "/x{a}y timeout=1", "/xay", true }, { "/x{a}y timeout=1", "/xy", false },
		{ "/x{a}y timeout=1", "/xayby", true }, { "/x{a}y timeout=1", "/xayb", false },
		{ "/{a}-{b} timeout=1", "/1-2-3", true }, { "/{a}-{b} timeout=1", "/12", false },
		{ "/{a}{b} timeout=1", "/ab", true }, { "/{a}{b} timeout=1", "/a", false },
		{ "/f/{p:path} timeout=1", "/f/x/y", true }, { "/f/{p:path} timeout=1", "/f/", true },
		{ "/f/{p:path} timeout=1", "/f", false }, { "/f/v{p:path} timeout=1", "/f/v1/2", true },
		{ "/f/v{p:path} timeout=1", "/f/w", false },
		{ "/a/* timeout=1", "/a/b/c", true }, { "/a/* timeout=1", "/a/", true },
		{ "/a/* timeout=1", "/a", false }, { "/a/* timeout=1", "/b/c", false }, { "/* timeout=1", "/b", true },
		{ "/a methods=PUT timeout=1", "/a", false }, { "/a methods=PUT,GET timeout=1", "/a", true },
		{ "/a timeout=1", "/a\n", true }, { "/a timeout=1", "/a\n\n", false },
		{ "/a/{b}/c timeout=1", "/a/x/c\n", true }, { "/a methods=PUT timeout=1", "/a\n", false },
		{ "/a methods=GETS timeout=1", "/a", false }, { "/a timeout=1", "*", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rule r = read_one(rows[i].rule);

		CU_ASSERT_EQUAL(rule_matches(&r, SLICE_LIT("GET"), (struct slice){ rows[i].path,
		    strlen(rows[i].path) }), rows[i].matches);
	}
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "what a rule says", test_values },
		{ "what is no rule", test_refused },
		{ "how many there may be", test_number },
		{ "which paths it is for", test_paths },
		CU_TEST_INFO_NULL,
	};

	return suite_run("base/rule", tests);
}
