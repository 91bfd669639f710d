/*
 * Tests of files/range: what Starlette's _parse_range_header() makes of a Range, as text.
 * Each expectation was made by it for a file of 100 bytes.
 */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files/range.h"
#include "tests/unit/suite.h"

enum { SIZE = 100 };

/* The verdict, or the ranges as "from-to from-to", the byte behind the last as `to`. */
static void
expect(struct slice value, uint64_t size, const char *expected)
{
	static const char *const words[] = { "", "whole", "beyond", "", "unsure" };
	struct files_ranges r;
	char got[4096] = "";
	enum files_range_verdict verdict = files_range_read(value, size, &r);

	if (verdict == FILES_RANGE_MALFORMED)
		snprintf(got, sizeof(got), "%.*s", (int)r.wrong.len, r.wrong.ptr);
	else if (verdict == FILES_RANGE_PARTS)
		for (size_t i = 0; i < r.n; i++)
			snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%lld-%lld",
			    i > 0 ? " " : "", (long long)r.all[i].from,
			    (long long)r.all[i].to);
	else
		snprintf(got, sizeof(got), "%s", words[verdict]);
	CU_ASSERT_STRING_EQUAL(got, expected);
	if (strcmp(got, expected) != 0)
		printf("%.*s: %s, not %s\n", (int)value.len, value.ptr, got, expected);
}

static void
values_are_read_as_starlette_reads_them(void)
{
	static const struct {
		const char *value, *expected;
	} rows[] = {
		{ "bytes=0-9", "0-10" },
		{ "bytes=0-99", "0-100" },
		{ "bytes=0-100", "0-100" },
		{ "bytes=90-", "90-100" },
		{ "bytes=-10", "90-100" },
		{ "bytes=-1000", "0-100" },
		{ "bytes=99-99", "99-100" },
		{ "bytes=100-", "beyond" },
		{ "bytes=-0", "beyond" },
		{ "bytes=--1", "beyond" },
		{ "bytes=9-3", "Range header: start must be less than end" },
		{ "bytes=0--3", "Range header: start must be less than end" },
		{ "bytes=9-3,200-", "beyond" },
		{ "bytes=", "Range header: range must be requested" },
		{ "bytes=-", "Range header: range must be requested" },
		{ "bytes=x", "Range header: range must be requested" },
		{ "bytes=x-1,y-", "Range header: range must be requested" },
		{ "bytes", "Malformed range header." },
		{ "", "Malformed range header." },
		{ "lines=0-9", "Only support bytes range" },
		{ "=0-9", "Only support bytes range" },
		{ " BYTES\t=0-9", "0-10" },
		{ "bytes=0-9=", "Range header: range must be requested" },
		{ "bytes=0-1,3-4", "0-2 3-5" },
		{ "bytes=3-4,0-1", "0-2 3-5" },
		{ "bytes=0-1,2-3", "0-4" },
		{ "bytes=0-5,3-9,20-", "0-10 20-100" },
		{ "bytes=0-50,3-9", "0-51" },
		{ "bytes=5-6,5-9,5-5", "5-10" },
		{ "bytes=,0-1,,", "0-2" },
		{ "bytes= 1 - 2 ", "1-3" },
		{ "bytes=+1-+2", "1-3" },
		{ "bytes=0_1-0_2", "1-3" },
		{ "bytes=1_-2", "Range header: range must be requested" },
		{ "bytes=_1-2", "Range header: range must be requested" },
		{ "bytes=1__0-20", "Range header: range must be requested" },
		{ "bytes=+-2", "Range header: range must be requested" },
		{ "bytes=0-+", "Range header: range must be requested" },
		{ "bytes=\xA0" "1-2\x85", "1-3" },
		{ "bytes=\xB2-5", "Range header: range must be requested" },
		{ "bytes=9223372036854775807-", "beyond" },
		{ "bytes=99999999999999999999999999-", "beyond" },
		{ "bytes=0-99999999999999999999999999", "0-100" },
		{ "bytes=-99999999999999999999999999", "0-100" },
		{ "bytes=--99999999999999999999999999", "beyond" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect((struct slice){ rows[i].value, strlen(rows[i].value) }, SIZE,
		    rows[i].expected);
}

static void
an_empty_file_has_no_range(void)
{
	expect(SLICE_LIT("bytes=0-"), 0, "beyond");
	expect(SLICE_LIT("bytes=-1"), 0, "beyond");
	expect(SLICE_LIT("bytes=0-0"), 0, "beyond");
}

/* "bytes=0-0,2-2,..." with `n` members. */
static struct slice
members(char *text, size_t room, int n)
{
	size_t len = (size_t)snprintf(text, room, "bytes=");

	for (int i = 0; i < n; i++)
		len += (size_t)snprintf(text + len, room - len, "%s%d-%d", i > 0 ? "," : "",
		    2 * i, 2 * i);
	return (struct slice){ text, len };
}

static void
a_hundred_ranges_are_read_and_no_more(void)
{
	struct files_ranges r;
	char text[4096];

	CU_ASSERT_EQUAL(files_range_read(members(text, sizeof(text), 100), 1000, &r),
	    FILES_RANGE_PARTS);
	CU_ASSERT_EQUAL(r.n, 100);
	CU_ASSERT_EQUAL(files_range_read(members(text, sizeof(text), 101), 1000, &r),
	    FILES_RANGE_WHOLE);
	memset(text, ',', 106);
	memcpy(text, "bytes=", 6);
	CU_ASSERT_EQUAL(files_range_read((struct slice){ text, 105 }, 1000, &r),
	    FILES_RANGE_MALFORMED);
}

static void
what_python_may_refuse_is_left_to_it(void)
{
	char text[1024];

	memset(text, '0', sizeof(text));
	memcpy(text, "bytes=", 6);
	text[6 + 640] = '-';
	expect((struct slice){ text, 6 + 640 + 1 }, SIZE, "0-100");
	text[6 + 640] = '0';
	text[6 + 641] = '-';
	expect((struct slice){ text, 6 + 641 + 1 }, SIZE, "unsure");
	expect(SLICE_LIT("bytes=0-"), UINT64_C(1) << 61, "unsure");
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "values are read as Starlette reads them",
		    values_are_read_as_starlette_reads_them },
		{ "an empty file has no range", an_empty_file_has_no_range },
		{ "a hundred ranges are read and no more",
		    a_hundred_ranges_are_read_and_no_more },
		{ "what Python may refuse is left to it",
		    what_python_may_refuse_is_left_to_it },
		CU_TEST_INFO_NULL,
	};

	return suite_run("files_range", tests);
}
