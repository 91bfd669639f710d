/*
 * test_http_field: lines, names, values and lists, at every alignment the wide
 * scan may meet.
 */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "http/field.h"
#include "tests/unit/http_fixture.h"
#include "tests/unit/suite.h"

/* The verdict over a line in an allocation of exactly its size: the length, -1
 * when it is incomplete, -2 - the row when it is refused. */
static long
line_length(const char *text, size_t len)
{
	enum hx_refusal why;
	char *line = malloc(len > 0 ? len : 1), *cr;
	long got;

	must(line != NULL);
	memcpy(line, text, len);
	cr = hx_field_line_end(line, line + len, &why);
	got = cr != NULL ? cr - line : why == HX_ACCEPTED ? -1 : -2 - (long)why;
	free(line);
	return got;
}

static void
test_lines_end_at_crlf_only(void)
{
	char text[64];

	for (size_t n = 0; n < 40; n++) {
		memset(text, 'a', sizeof(text));
		CU_ASSERT_EQUAL(line_length(text, n), -1);
		text[n] = '\r';
		CU_ASSERT_EQUAL(line_length(text, n + 1), -1);
		text[n + 1] = 'x';
		CU_ASSERT_EQUAL(line_length(text, n + 2), -2 - HX_REFUSE_bad_line_end);
		text[n + 1] = '\n';
		CU_ASSERT_EQUAL(line_length(text, n + 2), (long)n);
		CU_ASSERT_EQUAL(line_length(text, n + 10), (long)n);
		text[n] = '\n';
		CU_ASSERT_EQUAL(line_length(text, n + 1), -2 - HX_REFUSE_bad_line_end);
	}
}

static void
test_no_byte_of_a_line_is_missed(void)
{
	char text[40];

	for (size_t at = 0; at < 30; at++)
		for (int c = 0; c < 256; c++) {
			bool bad = (c < 0x20 && c != '\t' && c != '\r' && c != '\n') || c == 0x7F;

			if (c == '\r' || c == '\n')
				continue;
			/* 0x80 and 0xFF are where the arithmetic could go wrong. */
			memset(text, at % 3 == 0 ? 0x80 : at % 3 == 1 ? 0xFF : ' ', 30);
			memcpy(text + 30, "\r\n", 2);
			text[at] = (char)c;
			CU_ASSERT_EQUAL(line_length(text, 32),
			    bad ? -2 - (long)HX_REFUSE_bad_byte : 30);
		}
}

/* "name=value", or the refusal's name. */
static const char *
field(const char *text)
{
	static char out[256];
	enum hx_refusal why;
	struct hx_header h;
	char line[128];
	int n = snprintf(line, sizeof(line), "%s\r\n", text);

	why = hx_field_read(line, line + n - 2, &h);
	if (why != HX_ACCEPTED)
		return refusal_name(why);
	snprintf(out, sizeof(out), "%.*s=%.*s", (int)h.name.len, h.name.ptr, (int)h.value.len,
	    h.value.ptr);
	return out;
}

static void
test_fields_are_read(void)
{
	CU_ASSERT_STRING_EQUAL(field("Name: Value"), "name=Value");
	CU_ASSERT_STRING_EQUAL(field("Name:Value"), "name=Value");
	CU_ASSERT_STRING_EQUAL(field("NAME:\t  V \t w \t "), "name=V \t w");
	CU_ASSERT_STRING_EQUAL(field("a:"), "a=");
	CU_ASSERT_STRING_EQUAL(field("a: \t "), "a=");
	CU_ASSERT_STRING_EQUAL(field("a::b:c"), "a=:b:c");
	CU_ASSERT_STRING_EQUAL(field("!#$%&'*+-.^_`|~09AZaz: x"), "!#$%&'*+-.^_`|~09azaz=x");
	CU_ASSERT_STRING_EQUAL(field(" a: b"), "folded_field");
	CU_ASSERT_STRING_EQUAL(field("\ta: b"), "folded_field");
	CU_ASSERT_STRING_EQUAL(field("a : b"), "bad_field");
	CU_ASSERT_STRING_EQUAL(field(": b"), "bad_field");
	CU_ASSERT_STRING_EQUAL(field("a"), "bad_field");
}

static void
test_names_are_tokens(void)
{
	for (int c = 1; c < 256; c++) {
		char text[] = "axb: c";
		bool token = hx_field_is_token((struct slice){ &(char){ (char)c }, 1 });

		text[1] = (char)c;
		if (c == ':' || c == '\r' || c == '\n')
			continue;
		CU_ASSERT_EQUAL(strcmp(field(text), "bad_field") != 0, token);
	}
}

static bool
has_close(const char *value)
{
	return hx_field_has_token((struct slice){ value, strlen(value) }, SLICE_LIT("close"));
}

static void
test_lists_are_searched(void)
{
	CU_ASSERT_TRUE(has_close("close"));
	CU_ASSERT_TRUE(has_close("CLOSE"));
	CU_ASSERT_TRUE(has_close("a,close"));
	CU_ASSERT_TRUE(has_close(" \ta , ,\tclose ,b"));
	CU_ASSERT_FALSE(has_close(""));
	CU_ASSERT_FALSE(has_close(","));
	CU_ASSERT_FALSE(has_close("closed"));
	CU_ASSERT_FALSE(has_close("not-close"));
	CU_ASSERT_FALSE(has_close("clo,se"));
	CU_ASSERT_FALSE(has_close("close;q=1"));
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "test_lines_end_at_crlf_only", test_lines_end_at_crlf_only },
		{ "test_no_byte_of_a_line_is_missed", test_no_byte_of_a_line_is_missed },
		{ "test_fields_are_read", test_fields_are_read },
		{ "test_names_are_tokens", test_names_are_tokens },
		{ "test_lists_are_searched", test_lists_are_searched },
		CU_TEST_INFO_NULL,
	};

	return suite_run("http_field", tests);
}
