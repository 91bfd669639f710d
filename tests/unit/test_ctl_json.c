/*
 * test_ctl_json: answers that are JSON, and bytes that are none.
 */
#include <CUnit/Basic.h>
#include <string.h>

#include "ctl/json.h"
#include "tests/unit/suite.h"

static struct arena arena;

static const struct ctl_value *
read_text(const char *text)
{
	return ctl_json_read(&arena, text, strlen(text));
}

static void
test_values(void)
{
	const struct ctl_value *v, *list;

	arena_init(&arena, 256);
	v = read_text(" {\"ok\":true, \"n\" : -12.5e1,\"t\":\"a\\u0041\\\"\\n\\u00e9\\ud800\",\"no\":null,"
	    "\"l\":[1,\"x\",[],{}]} \n");
	CU_ASSERT_PTR_NOT_NULL_FATAL(v);
	CU_ASSERT_TRUE(ctl_json_truth(v, "ok"));
	CU_ASSERT_DOUBLE_EQUAL(ctl_json_number(v, "n"), -125, 0);
	CU_ASSERT_STRING_EQUAL(ctl_json_text(v, "t"), "aA\"\n\xc3\xa9\xef\xbf\xbd");
	CU_ASSERT_STRING_EQUAL(ctl_json_text(v, "n"), "");
	CU_ASSERT_STRING_EQUAL(ctl_json_text(v, "nothing"), "");
	CU_ASSERT_DOUBLE_EQUAL(ctl_json_number(NULL, "n"), 0, 0);
	list = ctl_json_get(v, "l");
	CU_ASSERT_PTR_NOT_NULL_FATAL(list);
	CU_ASSERT_EQUAL(list->raw_len, strlen("[1,\"x\",[],{}]"));
	CU_ASSERT_DOUBLE_EQUAL(ctl_json_first(list)->number, 1, 0);
	CU_ASSERT_STRING_EQUAL(ctl_json_first(list)->next->text, "x");
	CU_ASSERT_PTR_NULL(ctl_json_first(ctl_json_first(list)->next->next));
	arena_fini(&arena);
}

static void
test_what_is_no_json(void)
{
	static const char *const texts[] = { "", " ", "{", "}", "[1", "[1,]", "{\"a\"}", "{\"a\":}", "{a:1}", "\"",
		"\"\\\"", "\"\\", "\"\\u12\"", "\"\\u12x4\"", "\"\\x\"", "\"a\nb\"", "1 2", "tru", "-", "1e",
		"--1",
		"{\"a\":1,}", "[[[[[[[[[1]]]]]]]]]", "nullx", "0123456789012345678901234567890123456789012" };

	arena_init(&arena, 256);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		CU_ASSERT_PTR_NULL(read_text(texts[i]));
	/* A byte of zero ends nothing. */
	CU_ASSERT_PTR_NULL(ctl_json_read(&arena, "1\0", 2));
	CU_ASSERT_PTR_NULL(ctl_json_read(&arena, "\"\\\0\"", 4));
	CU_ASSERT_PTR_NOT_NULL(read_text("[[[[[[[1]]]]]]]"));
	arena_fini(&arena);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "test_values", test_values },
		{ "test_what_is_no_json", test_what_is_no_json },
		CU_TEST_INFO_NULL,
	};

	return suite_run("ctl_json", tests);
}
