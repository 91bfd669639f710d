/*
 * Tests of base/atoms.c and base/access.c: formats of the access log, and when there is one.
 */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

#include "base/access.h"
#include "base/atoms.h"
#include "tests/unit/suite.h"

static void
a_format_is_texts_and_atoms(void)
{
	char why[ATOMS_WHY_BYTES];
	struct atoms a;

	CU_ASSERT_EQUAL_FATAL(atoms_read(&a, "a %(m)s%(status)s 5%% %({X-Y}i)s%({SET}o)d", why), 0);
	CU_ASSERT_EQUAL_FATAL(a.n, 8);
	CU_ASSERT_EQUAL(a.at[0].kind, ATOM_TEXT);
	CU_ASSERT_TRUE(slice_equal(a.at[0].text, SLICE_LIT("a ")));
	CU_ASSERT_EQUAL(a.at[1].kind, ATOM_METHOD);
	CU_ASSERT_EQUAL(a.at[2].kind, ATOM_STATUS);
	CU_ASSERT_TRUE(slice_equal(a.at[3].text, SLICE_LIT(" 5")));
	CU_ASSERT_TRUE(slice_equal(a.at[4].text, SLICE_LIT("%")));
	CU_ASSERT_EQUAL(a.at[5].kind, ATOM_TEXT);
	CU_ASSERT_EQUAL(a.at[6].kind, ATOM_REQUEST_FIELD);
	CU_ASSERT_EQUAL(a.at[7].kind, ATOM_ANSWER_FIELD);
	CU_ASSERT_FALSE(a.timed);
	CU_ASSERT_FALSE(a.json);
}

static void
fields_have_lower_case_names_and_those_of_answers_numbers(void)
{
	char why[ATOMS_WHY_BYTES];
	struct atoms a;

	CU_ASSERT_EQUAL_FATAL(atoms_read(&a, "%({X-Y}i)s%({A}o)s%({b}o)s", why), 0);
	CU_ASSERT_TRUE(slice_equal(a.at[0].text, SLICE_LIT("x-y")));
	CU_ASSERT_EQUAL(a.at[1].kind, ATOM_ANSWER_FIELD);
	CU_ASSERT_TRUE(slice_equal(a.at[1].text, SLICE_LIT("a")));
	CU_ASSERT_EQUAL(a.at[2].field, 1);
	CU_ASSERT_EQUAL(a.n_fields, 2);
}

static void
formats_have_names(void)
{
	static const struct {
		const char *name;
		bool json, timed;
	} rows[] = { { "combined", false, false }, { "json", true, true }, { "line", false, true } };
	char why[ATOMS_WHY_BYTES];
	struct atoms a;

	for (size_t i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL_FATAL(atoms_read(&a, rows[i].name, why), 0);
		CU_ASSERT_EQUAL(a.json, rows[i].json);
		CU_ASSERT_EQUAL(a.timed, rows[i].timed);
	}
}

static void
a_wrong_format_is_refused_with_the_reason(void)
{
	static const char *const rows[][2] = {
		{ "combind", "want combined, json, line, or a text with atoms" },
		{ "", "want combined" },
		{ "%(nothing)s", "there is no %(nothing)s" },
		{ "%s", "an atom is written %(name)s" },
		{ "%(m", "an atom is written" },
		{ "%(m)x", "an atom is written" },
		{ "100%", "an atom is written" },
		{ "%({}i)s", "there is no %({}i)s" },
		{ "%({a}x)s", "there is no %({a}x)s" },
		{ "%({a}o)s%({a}o)s%({a}o)s%({a}o)s%({a}o)s%({a}o)s%({a}o)s%({a}o)s%({a}o)s",
		    "at most 8" },
	};
	char why[ATOMS_WHY_BYTES], many[3000];
	struct atoms a;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CU_ASSERT_EQUAL(atoms_read(&a, rows[i][0], why), -1);
		CU_ASSERT_PTR_NOT_NULL(strstr(why, rows[i][1]));
	}
	memset(many, 'x', sizeof(many));
	memcpy(many + sizeof(many) - 6, "%(m)s", 6);
	CU_ASSERT_EQUAL(atoms_read(&a, many, why), -1);
	CU_ASSERT_STRING_EQUAL(why, "it is too long");
	for (size_t i = 0; i + 6 < sizeof(many); i += 5)
		memcpy(many + i, "%(m)s", 6);
	CU_ASSERT_EQUAL(atoms_read(&a, many, why), -1);
	CU_ASSERT_STRING_EQUAL(why, "it is too long");
}

/* The settings, from texts as flags have them. */
static struct conf
settings(const char *mode, const char *file, const char *level)
{
	char why[CONF_WHY_BYTES];
	struct conf c;

	conf_init(&c);
	CU_ASSERT_EQUAL(conf_set(&c, &conf_rows[CONF_access_log], mode, why), 0);
	CU_ASSERT_EQUAL(conf_set(&c, &conf_rows[CONF_access_log_file], file, why), 0);
	CU_ASSERT_EQUAL(conf_set(&c, &conf_rows[CONF_log_level], level, why), 0);
	return c;
}

static void
there_is_one_where_somebody_sees_it_or_asked(void)
{
	static const struct {
		const char *mode, *file, *level;
		bool shown, wanted;
	} rows[] = {
		{ "auto", "", "info", true, true },
		{ "auto", "", "debug", true, true },
		{ "auto", "", "warning", true, false },
		{ "auto", "", "info", false, false },
		{ "auto", "x", "error", false, true },
		{ "auto", "-", "info", false, true },
		{ "1", "", "error", false, true },
		{ "0", "x", "info", true, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct conf c = settings(rows[i].mode, rows[i].file, rows[i].level);

		CU_ASSERT_EQUAL(access_wanted(&c, rows[i].shown), rows[i].wanted);
	}
}

static void
its_form_follows_where_it_goes(void)
{
	struct conf c = settings("on", "", "info");

	CU_ASSERT_STRING_EQUAL(access_format(&c), "line");
	c.access_log_file = "-";
	CU_ASSERT_STRING_EQUAL(access_format(&c), "line");
	CU_ASSERT_STRING_EQUAL(access_file(&c), "");
	c.access_log_file = "access.log";
	CU_ASSERT_STRING_EQUAL(access_format(&c), "combined");
	CU_ASSERT_STRING_EQUAL(access_file(&c), "access.log");
	c.log_format = 1;
	CU_ASSERT_STRING_EQUAL(access_format(&c), "json");
	c.access_log_format = "%(m)s";
	CU_ASSERT_STRING_EQUAL(access_format(&c), "%(m)s");
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "a format is texts and atoms", a_format_is_texts_and_atoms },
		{ "fields have lower-case names, and those of answers numbers",
		    fields_have_lower_case_names_and_those_of_answers_numbers },
		{ "formats have names", formats_have_names },
		{ "a wrong format is refused with the reason",
		    a_wrong_format_is_refused_with_the_reason },
		{ "there is one where somebody sees it, or where it was asked for",
		    there_is_one_where_somebody_sees_it_or_asked },
		{ "its form follows where it goes", its_form_follows_where_it_goes },
		CU_TEST_INFO_NULL,
	};

	return suite_run("base/atoms", tests);
}
