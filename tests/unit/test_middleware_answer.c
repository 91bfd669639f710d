/*
 * The list of an answer's fields, as Starlette's MutableHeaders keeps one.
 */
#include "middleware/answer.h"
#include "tests/unit/middleware_fixture.h"
#include "tests/unit/suite.h"

static void
test_set(void)
{
	struct mw_answer a = answer_of(200, "a: 1\nb: 2\na: 3\nc: 4\na: 5\n");

	CU_ASSERT_EQUAL(mw_answer_set(&a, SLICE_LIT("a"), SLICE_LIT("new")), 0);
	CU_ASSERT(answer_is(&a, "a: new\nb: 2\nc: 4\n"));
	CU_ASSERT_EQUAL(mw_answer_set(&a, SLICE_LIT("d"), SLICE_LIT("")), 0);
	CU_ASSERT(answer_is(&a, "a: new\nb: 2\nc: 4\nd: \n"));
	answers_forget();
}

static void
test_remove(void)
{
	struct mw_answer a = answer_of(200, "a: 1\nb: 2\na: 3\n");

	mw_answer_remove(&a, SLICE_LIT("c"));
	CU_ASSERT(answer_is(&a, "a: 1\nb: 2\na: 3\n"));
	CU_ASSERT(slice_equal(mw_answer_get(&a, SLICE_LIT("a")), SLICE_LIT("1")));
	mw_answer_remove(&a, SLICE_LIT("a"));
	CU_ASSERT(answer_is(&a, "b: 2\n"));
	CU_ASSERT_PTR_NULL(mw_answer_get(&a, SLICE_LIT("a")).ptr);
	answers_forget();
}

static void
test_keep(void)
{
	char text[] = "a: 1\n";
	struct mw_answer a = answer_of(200, text);

	CU_ASSERT_EQUAL(mw_answer_keep(&a), 0);
	memset(text, 'x', sizeof(text) - 1);
	CU_ASSERT(answer_is(&a, "a: 1\n"));
	answers_forget();
}

/* It grows beyond the room that it began with. */
static void
test_append(void)
{
	struct mw_answer a = answer_of(200, "");

	for (int i = 0; i < 100; i++)
		CU_ASSERT_EQUAL(mw_answer_append(&a, SLICE_LIT("a"), SLICE_LIT("1")), 0);
	CU_ASSERT_EQUAL(a.n, 100);
	for (size_t i = 0; i < a.n; i++)
		CU_ASSERT(slice_equal(a.fields[i].value, SLICE_LIT("1")));
	answers_forget();
}

static void
test_vary(void)
{
	static const struct { const char *before, *after; } rows[] = {
		{ "", "vary: Origin\n" },
		{ "vary: A\n", "vary: A, Origin\n" },
		{ "vary: \n", "vary: , Origin\n" },
		{ "vary: A\nx: 1\nvary: B, C\n", "vary: A, B, C, Origin\nx: 1\n" },
		{ "Vary: A\n", "Vary: A\nvary: Origin\n" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mw_answer a = answer_of(200, rows[i].before);

		CU_ASSERT_EQUAL(mw_answer_vary(&a, SLICE_LIT("Origin"), false), 0);
		CU_ASSERT(answer_is(&a, rows[i].after));
	}
	answers_forget();
}

static void
test_plain(void)
{
	struct mw_answer a = answer_of(0, "a: 1\n");

	CU_ASSERT_EQUAL(mw_answer_plain(&a, 400, SLICE_LIT("twelve bytes")), 0);
	CU_ASSERT_EQUAL(a.status, 400);
	CU_ASSERT(answer_is(&a,
	    "a: 1\ncontent-length: 12\ncontent-type: text/plain; charset=utf-8\n"));
	answers_forget();
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "set", test_set },
		{ "remove", test_remove },
		{ "keep", test_keep },
		{ "append", test_append },
		{ "vary", test_vary },
		{ "plain text", test_plain },
		CU_TEST_INFO_NULL,
	};

	return suite_run("middleware: answer", tests);
}
