/*
 * Tests of files/stamp and condition: the fields that Starlette makes of a file, and what
 * a client says of them. The expectations were made by Python.
 */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files/condition.h"
#include "files/open.h"
#include "tests/unit/suite.h"

static void
stamps_are_made_of_the_float_that_python_has(void)
{
	static const struct {
		int64_t mtime_ns;
		uint64_t size;
		const char *etag, *modified;
	} rows[] = {
		{ 1767225600000000000, 0, "\"75dcd4e66710125be209e642317f6c60\"",
		    "Thu, 01 Jan 2026 00:00:00 GMT" },
		{ 1767225600000000001, 1, "\"101e81471f80bb3e292f4c0d7720835d\"",
		    "Thu, 01 Jan 2026 00:00:00 GMT" },
		{ 1700000000123456789, 10240, "\"f9b2f5d39b894e35d47da263a8390dde\"",
		    "Tue, 14 Nov 2023 22:13:20 GMT" },
		{ 1700000000999999999, 5, "\"ce716f8df2804fa7f4545533cbd25c0d\"",
		    "Tue, 14 Nov 2023 22:13:21 GMT" },
		{ 1700000000500000000, 7, "\"926418be39f2e5828c613fb4e5e2368e\"",
		    "Tue, 14 Nov 2023 22:13:20 GMT" },
		{ 1699999999999999499, 3, "\"a0f8e683d9813ebbb298e79658e9fae8\"",
		    "Tue, 14 Nov 2023 22:13:20 GMT" },
		{ 1699999999999999501, 3, "\"a0f8e683d9813ebbb298e79658e9fae8\"",
		    "Tue, 14 Nov 2023 22:13:20 GMT" },
		{ 200000000999999999, 9, "\"6713fa041665bff92562dfa8a5b3ab90\"",
		    "Mon, 03 May 1976 19:33:21 GMT" },
		{ 8589934591120000000, 1099511627776, "\"5528a4443a53cce2ee72a035ae2deaaf\"",
		    "Wed, 16 Mar 2242 12:56:31 GMT" },
		/* 1795786576.2382812 and 1795786576.2382813 are equally near to the first, in
		 * the second the one above is even. */
		{ 1795786576238281250, 12407, "\"8f7de3e963ea475d7b463ff973a0a788\"",
		    "Fri, 27 Nov 2026 13:36:16 GMT" },
		{ 1795786576011718750, 2, "\"dc2be5ce398053ceb564781ed3a95624\"",
		    "Fri, 27 Nov 2026 13:36:16 GMT" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct hx_file file = { .mtime_ns = rows[i].mtime_ns, .size = rows[i].size };
		struct files_stamp stamp;

		CU_ASSERT_TRUE_FATAL(files_stamp_make(&stamp, &file));
		CU_ASSERT_EQUAL(memcmp(stamp.etag, rows[i].etag, sizeof(stamp.etag)), 0);
		CU_ASSERT_STRING_EQUAL(stamp.modified, rows[i].modified);
	}
}

static void
times_far_away_are_left(void)
{
	static const int64_t seconds[] = {
		INT64_MIN, -(INT64_C(1) << 36), -9000000000, -1, 0, 1, (1 << 27) - 1,
		INT64_C(1) << 33, 9000000000, 9223372036, 9223372037, INT64_C(1) << 34,
		18446744073, 20146969673, INT64_C(1) << 36, INT64_MAX,
	};
	struct files_stamp stamp;
	struct stat st = { .st_size = 1 };

	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
		struct hx_file *file;

		st.st_mtim.tv_sec = seconds[i];
		file = files_open_new(-1, &st);
		CU_ASSERT_PTR_NOT_NULL_FATAL(file);
		CU_ASSERT_FALSE(files_stamp_make(&stamp, file));
		files_open_release(file);
	}
	CU_ASSERT_TRUE(files_stamp_make(&stamp, &(struct hx_file){ .mtime_ns = INT64_C(1) << 60 }));
}

/* Of 2026-01-01. */
static struct files_stamp
stamp_of_2026(void)
{
	struct hx_file file = { .mtime_ns = INT64_C(1767225600000000000), .size = 5 };
	struct files_stamp stamp;

	CU_ASSERT_TRUE_FATAL(files_stamp_make(&stamp, &file));
	return stamp;
}

static void
dates_are_compared(void)
{
	static const struct {
		const char *since;
		enum files_condition expected;
	} rows[] = {
		{ "Thu, 01 Jan 2026 00:00:00 GMT", FILES_UNCHANGED },
		{ "Thu, 01 Jan 2026 00:00:01 GMT", FILES_UNCHANGED },
		{ "Wed, 31 Dec 2025 23:59:59 GMT", FILES_CHANGED },
		{ "Wed, 31 Dec 2026 23:59:59 GMT", FILES_UNCHANGED },
		{ "Fri, 01 Feb 2025 00:00:00 GMT", FILES_CHANGED },
		{ "Abc, 99 Dec 2025 99:99:99 GMT", FILES_CHANGED },
		{ "Thu, 01 Xyz 2026 00:00:00 GMT", FILES_CHANGE_UNSURE },
		{ "Thu, 01 Jan 0026 00:00:00 GMT", FILES_CHANGE_UNSURE },
		{ "Thu, 01 Jan 2026 00:00:00 UTC", FILES_CHANGE_UNSURE },
		{ "Thu, 1 Jan 2026 00:00:00 GMT", FILES_CHANGE_UNSURE },
		{ "", FILES_CHANGE_UNSURE },
	};
	struct files_stamp stamp = stamp_of_2026();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct slice since = { rows[i].since, strlen(rows[i].since) };

		CU_ASSERT_EQUAL(files_condition_look(SLICE_NULL, since, &stamp),
		    rows[i].expected);
		CU_ASSERT_EQUAL(files_condition_look(SLICE_LIT("\"x\""), since, &stamp),
		    FILES_CHANGED);
	}
	CU_ASSERT_EQUAL(files_condition_look(SLICE_NULL, SLICE_NULL, &stamp), FILES_CHANGED);
}

static void
tags_are_found_in_a_list(void)
{
	static const char *const forms[] = {
		"%s", "W/%s", " %s ", "\"x\",%s", "W/\"x\" , W/%s,", "\xA0%s\x85"
	};
	static const char *const others[] = { "w/%s", "W/ %s", "W/W/%s", "%s\"", "x%s", ",", "W/" };
	struct files_stamp stamp = stamp_of_2026();
	char text[100], tag[sizeof(stamp.etag) + 1] = "";

	memcpy(tag, stamp.etag, sizeof(stamp.etag));
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		int len = snprintf(text, sizeof(text), forms[i], tag);

		CU_ASSERT_EQUAL(files_condition_look((struct slice){ text, (size_t)len },
		    SLICE_NULL, &stamp), FILES_UNCHANGED);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		int len = snprintf(text, sizeof(text), others[i], tag);

		CU_ASSERT_EQUAL(files_condition_look((struct slice){ text, (size_t)len },
		    SLICE_NULL, &stamp), FILES_CHANGED);
	}
	CU_ASSERT_EQUAL(files_condition_look(SLICE_LIT("*"), SLICE_NULL, &stamp), FILES_UNCHANGED);
	CU_ASSERT_EQUAL(files_condition_look(SLICE_LIT("*,"), SLICE_NULL, &stamp), FILES_CHANGED);
}

static void
ranges_are_sent_of_the_same_version_only(void)
{
	struct files_stamp stamp = stamp_of_2026();
	struct slice etag = files_stamp_etag(&stamp), modified = files_stamp_modified(&stamp);
	char weak[sizeof(stamp.etag) + 2] = "W/";

	memcpy(weak + 2, stamp.etag, sizeof(stamp.etag));
	CU_ASSERT_TRUE(files_condition_ranges(etag, modified, etag));
	CU_ASSERT_TRUE(files_condition_ranges(modified, modified, etag));
	CU_ASSERT_FALSE(files_condition_ranges((struct slice){ weak, sizeof(weak) }, modified,
	    etag));
	CU_ASSERT_FALSE(files_condition_ranges(SLICE_LIT("\"x\""), modified, etag));
	CU_ASSERT_FALSE(files_condition_ranges(SLICE_LIT(""), modified, etag));
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "stamps are made of the float that Python has",
		    stamps_are_made_of_the_float_that_python_has },
		{ "times far away are left", times_far_away_are_left },
		{ "dates are compared", dates_are_compared },
		{ "tags are found in a list", tags_are_found_in_a_list },
		{ "ranges are sent of the same version only",
		    ranges_are_sent_of_the_same_version_only },
		CU_TEST_INFO_NULL,
	};

	return suite_run("files_stamp", tests);
}
