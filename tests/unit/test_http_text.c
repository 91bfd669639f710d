/*
 * Targets, queries, cookies and content types: the text an application sees.
 * tests/unit_py/test_http_text.py compares the same functions with Python's own
 * on random input; here is what a reader should know at a glance.
 */
#include <CUnit/Basic.h>
#include <stdio.h>

#include "http/content_type.h"
#include "http/cookie.h"
#include "http/target.h"
#include "tests/unit/suite.h"

static struct arena arena;

static struct slice
text(const char *s)
{
	return (struct slice){ s, strlen(s) };
}

#define CHECK_SLICE(got, want) CU_ASSERT_TRUE(slice_equal((got), text(want)))

typedef int decode_f(struct arena *a, struct slice raw, struct slice *out);

static void
check_decoded(decode_f *decode, const char *raw, const char *want)
{
	struct slice got = SLICE_NULL;

	CU_ASSERT_EQUAL(decode(&arena, text(raw), &got), 0);
	if (!slice_equal(got, text(want))) {
		printf("\n  %s: %.*s, not %s", raw, (int)got.len, got.ptr, want);
		CU_FAIL("decoded");
	}
	arena_fini(&arena);
}

static void
paths_are_unquoted(void)
{
	check_decoded(hx_target_path_decode, "", "");
	check_decoded(hx_target_path_decode, "/a+b", "/a+b");
	check_decoded(hx_target_path_decode, "/a%2Fb%2f", "/a/b/");
	check_decoded(hx_target_path_decode, "/%E6%97%A5", "/\xE6\x97\xA5");
	check_decoded(hx_target_path_decode, "%2541", "%41");
	check_decoded(hx_target_path_decode, "%", "%");
	check_decoded(hx_target_path_decode, "%4", "%4");
	check_decoded(hx_target_path_decode, "%4g%41", "%4gA");
	check_decoded(hx_target_path_decode, "%%41", "%A");
}

/* One U+FFFD for each maximal ill-formed part, as CPython's decoder. */
static void
bad_utf8_is_replaced(void)
{
	check_decoded(hx_target_path_decode, "%FF", "\xEF\xBF\xBD");
	check_decoded(hx_target_path_decode, "%C0%AF", "\xEF\xBF\xBD\xEF\xBF\xBD");
	check_decoded(hx_target_path_decode, "%E6%97", "\xEF\xBF\xBD");
	check_decoded(hx_target_path_decode, "%E6%97x", "\xEF\xBF\xBDx");
	check_decoded(hx_target_path_decode, "%F0%9F%98", "\xEF\xBF\xBD");
	check_decoded(hx_target_path_decode, "%ED%A0%80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
	check_decoded(hx_target_path_decode, "%F4%90%80%80",
	    "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
	check_decoded(hx_target_path_decode, "%F4%8F%BF%BF", "\xF4\x8F\xBF\xBF");
	check_decoded(hx_target_path_decode, "%80a", "\xEF\xBF\xBD" "a");
}

static void
queries_know_plus(void)
{
	check_decoded(hx_target_query_decode, "a+b", "a b");
	check_decoded(hx_target_query_decode, "a%2Bb+", "a+b ");
	check_decoded(hx_target_query_decode, "%zz", "%zz");
}

static void
plain_text_is_borrowed(void)
{
	struct slice raw = SLICE_LIT("/plain"), out;

	arena_fini(&arena);
	CU_ASSERT_EQUAL(hx_target_path_decode(&arena, raw, &out), 0);
	CU_ASSERT_PTR_EQUAL(out.ptr, raw.ptr);
	CU_ASSERT_EQUAL(hx_target_query_decode(&arena, raw, &out), 0);
	CU_ASSERT_PTR_EQUAL(out.ptr, raw.ptr);
	CU_ASSERT_EQUAL(hx_target_query_decode(&arena, SLICE_NULL, &out), 0);
	CU_ASSERT_EQUAL(out.len, 0);
	CU_ASSERT_PTR_NULL(arena.first);
}

typedef bool next_f(struct slice *rest, struct slice *name, struct slice *value);

/* All pairs as "name:value|name:value|". */
static void
check_pairs(next_f *next, const char *all, const char *want)
{
	struct slice rest = text(all), name, value;
	char got[256];
	size_t n = 0;

	got[0] = '\0';
	while (next(&rest, &name, &value))
		n += (size_t)snprintf(got + n, sizeof(got) - n, "%.*s:%.*s|", (int)name.len,
		    name.ptr, (int)value.len, value.ptr);
	CU_ASSERT_STRING_EQUAL(got, want);
}

static void
queries_are_split(void)
{
	check_pairs(hx_target_query_next, "", "");
	check_pairs(hx_target_query_next, "a=1&b=2", "a:1|b:2|");
	check_pairs(hx_target_query_next, "a&b=&=c&=", "a:|b:|:c|:|");
	check_pairs(hx_target_query_next, "&&a=1&&", "a:1|");
	check_pairs(hx_target_query_next, "a=b=c;d=e", "a:b=c;d=e|");
}

static void
cookies_are_split(void)
{
	check_pairs(hx_cookie_next, "", "");
	check_pairs(hx_cookie_next, "a=1; b=2", "a:1|b:2|");
	check_pairs(hx_cookie_next, " a = 1 ;;\tb\t", "a:1|:b|");
	check_pairs(hx_cookie_next, "=; = ;a=;=b", "a:|:b|");
	check_pairs(hx_cookie_next, "a=b=c", "a:b=c|");
	/* str.strip() takes latin-1 blanks too. */
	check_pairs(hx_cookie_next, "\xA0\x85\x1F" "a\x1C=\xA0" "1", "a:1|");
	check_pairs(hx_cookie_next, "a=\"x;y\"", "a:\"x|:y\"|");
}

static void
cookies_are_unquoted(void)
{
	check_decoded(hx_cookie_unquote, "", "");
	check_decoded(hx_cookie_unquote, "a", "a");
	check_decoded(hx_cookie_unquote, "\"", "\"");
	check_decoded(hx_cookie_unquote, "\"\"", "");
	check_decoded(hx_cookie_unquote, "\"a b\"", "a b");
	check_decoded(hx_cookie_unquote, "\"a", "\"a");
	check_decoded(hx_cookie_unquote, "a\\\"b", "a\\\"b");
	check_decoded(hx_cookie_unquote, "\"a\\\"b\\\\c\"", "a\"b\\c");
	check_decoded(hx_cookie_unquote, "\"\\101\\054\"", "A,");
	check_decoded(hx_cookie_unquote, "\"\\377\"", "\xFF");
	check_decoded(hx_cookie_unquote, "\"\\400\\18\"", "40018");
	check_decoded(hx_cookie_unquote, "\"a\\\"", "a\\");
}

static void
json_is_told_from_the_rest(void)
{
	CU_ASSERT_TRUE(hx_content_type_json(SLICE_LIT("application/json")));
	CU_ASSERT_TRUE(hx_content_type_json(SLICE_LIT("Application/JSON; charset=utf-8")));
	CU_ASSERT_TRUE(hx_content_type_json(SLICE_LIT("application/json;a=b;c=d")));
	CU_ASSERT_TRUE(hx_content_type_json(SLICE_LIT("application/problem+json")));
	CU_ASSERT_FALSE(hx_content_type_json(SLICE_LIT("")));
	CU_ASSERT_FALSE(hx_content_type_json(SLICE_NULL));
	CU_ASSERT_FALSE(hx_content_type_json(SLICE_LIT("text/json")));
	CU_ASSERT_FALSE(hx_content_type_json(SLICE_LIT("application/jsonp")));
	CU_ASSERT_FALSE(hx_content_type_json(SLICE_LIT("application/json/x")));
	CU_ASSERT_FALSE(hx_content_type_json(SLICE_LIT("application/x/y+json")));
	CU_ASSERT_FALSE(hx_content_type_json(SLICE_LIT("application/x-www-form-urlencoded")));
	/* Perhaps JSON to Python: it is asked. */
	CU_ASSERT_FALSE(hx_content_type_json(SLICE_LIT("application/json;")));
	CU_ASSERT_FALSE(hx_content_type_json(SLICE_LIT("application/json; a=\"b\"")));
}

static void
forms_are_told_from_the_rest(void)
{
	CU_ASSERT_TRUE(hx_content_type_form(SLICE_LIT("application/x-www-form-urlencoded")));
	CU_ASSERT_TRUE(hx_content_type_form(
	    SLICE_LIT("Application/X-WWW-Form-Urlencoded \t; charset=utf-8")));
	CU_ASSERT_TRUE(hx_content_type_form(SLICE_LIT("application/x-www-form-urlencoded;")));
	CU_ASSERT_FALSE(hx_content_type_form(SLICE_LIT("")));
	CU_ASSERT_FALSE(hx_content_type_form(SLICE_NULL));
	CU_ASSERT_FALSE(hx_content_type_form(SLICE_LIT(";application/x-www-form-urlencoded")));
	CU_ASSERT_FALSE(hx_content_type_form(SLICE_LIT("application/x-www-form-urlencodedx")));
	CU_ASSERT_FALSE(hx_content_type_form(SLICE_LIT("multipart/form-data; boundary=b")));
}

int
main(void)
{
	static CU_TestInfo tests[] = {
		{ "paths are unquoted", paths_are_unquoted },
		{ "bad UTF-8 is replaced", bad_utf8_is_replaced },
		{ "queries know plus", queries_know_plus },
		{ "plain text is borrowed", plain_text_is_borrowed },
		{ "queries are split", queries_are_split },
		{ "cookies are split", cookies_are_split },
		{ "cookies are unquoted", cookies_are_unquoted },
		{ "JSON is told from the rest", json_is_told_from_the_rest },
		{ "forms are told from the rest", forms_are_told_from_the_rest },
		CU_TEST_INFO_NULL
	};
	int status;

	arena_init(&arena, 4096);
	status = suite_run("http/text", tests);
	arena_fini(&arena);
	return status;
}
