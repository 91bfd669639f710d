/*
 * test_master_helper: whom root runs, and what is believed of the answer. A script stands for Python.
 */
#include <CUnit/Basic.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "master/account.h"
#include "master/helper.h"
#include "tests/unit/suite.h"

enum { NOBODY = 65534 };

static char directory[] = "/tmp/fastrd_helper_XXXXXX", script[64], ran[64];
static struct master_helper helper;
static char said[1024];

/* The Python that root runs in the end is a real one, which never frees everything. A sanitiser that
 * is in this program is in its children. */
static int
leaks_pass(void)
{
	const char *options = getenv("ASAN_OPTIONS");
	char text[1024];

	if (options == NULL)
		return 0;
	snprintf(text, sizeof(text), "%s:detect_leaks=0", options);
	return setenv("ASAN_OPTIONS", text, 1);
}

static int
set_up(void)
{
	if (leaks_pass() < 0)
		return 1;
	if (mkdtemp(directory) == NULL || chmod(directory, 0755) < 0)
		return 1;
	snprintf(script, sizeof(script), "%s/python", directory);
	snprintf(ran, sizeof(ran), "%s/ran", directory);
	return 0;
}

static int
tear_down(void)
{
	unlink(script);
	unlink(ran);
	return rmdir(directory);
}

/* The script answers what this argument of printf(1) says, and leaves a sign that it ran. */
static void
answers(const char *text)
{
	FILE *file = fopen(script, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fprintf(file, "#!/bin/sh\n: >%s\nprintf '%s'\n", ran, text);
	fclose(file);
	CU_ASSERT_EQUAL(chmod(script, 0755), 0);
	unlink(ran);
}

/* What is printed to standard error meanwhile is in `said`. */
static int
quietly(int (*act)(void *arg), void *arg)
{
	int err = dup(STDERR_FILENO), rc;
	FILE *file = tmpfile();

	dup2(fileno(file), STDERR_FILENO);
	rc = act(arg);
	dup2(err, STDERR_FILENO);
	close(err);
	rewind(file);
	said[fread(said, 1, sizeof(said) - 1, file)] = '\0';
	fclose(file);
	return rc;
}

static int
ask(void *arg)
{
	return master_helper_run(&helper, script, "file", arg, "cannot");
}

static int
look_up(void *arg)
{
	return master_account_find(arg, script, "shop", "web");
}

static void
test_an_answer(void)
{
	char *at = helper.bytes, *fields[4];

	answers("value\\ta\\tb\\tc:1\\nend\\t\\t\\t\\n");
	CU_ASSERT_EQUAL_FATAL(quietly(ask, "f.toml"), 0);
	CU_ASSERT_TRUE(master_helper_line(&at, fields));
	CU_ASSERT_STRING_EQUAL(fields[0], "value");
	CU_ASSERT_STRING_EQUAL(fields[1], "a");
	CU_ASSERT_STRING_EQUAL(fields[2], "b");
	CU_ASSERT_STRING_EQUAL(fields[3], "c:1");
	CU_ASSERT_TRUE(master_helper_line(&at, fields));
	CU_ASSERT_STRING_EQUAL(fields[0], "end");
	CU_ASSERT_FALSE(master_helper_line(&at, fields));
}

/* One that is cut, or hides what follows, or never ends. */
static void
test_answers_that_are_none(void)
{
	static const char *const texts[] = { "", "end", "value\\ta\\tb\\tc\\n", "end\\t\\t\\t\\nmore",
	    "value\\ta\\t\\000b\\tc\\nend\\t\\t\\t\\n", "%070000d\\nend\\t\\t\\t\\n" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char text[128];

		answers(texts[i]);
		CU_ASSERT_EQUAL(quietly(ask, "f.toml"), -1);
		snprintf(text, sizeof(text), "fastrd: f.toml: %s cannot\n", script);
		CU_ASSERT_STRING_EQUAL(said, text);
	}
}

static void
test_lines_with_too_few_fields(void)
{
	char text[] = "value\ta\tb\n", *at = text, *fields[4];

	CU_ASSERT_FALSE(master_helper_line(&at, fields));
}

/* Root runs nothing that another user may change: itself, or what is in its directory. */
static void
test_whom_root_runs(void)
{
	if (geteuid() != 0)
		return;
	for (int i = 0; i < 4; i++) {
		answers("end\\t\\t\\t\\n");
		CU_ASSERT_EQUAL(chown(script, i == 1 ? NOBODY : 0, 0), 0);
		CU_ASSERT_EQUAL(chmod(script, i == 2 ? 0775 : 0755), 0);
		CU_ASSERT_EQUAL(chmod(directory, i == 3 ? 0777 : 0755), 0);
		(void)quietly(ask, "/nowhere/f.toml");
		CU_ASSERT_EQUAL(access(ran, F_OK) == 0, i == 0);
	}
	CU_ASSERT_EQUAL(chmod(directory, 0755), 0);
}

static void
test_an_account(void)
{
	static struct master_account a;

	answers("value\\tuid\\t7\\tx\\nvalue\\tgid\\t8\\tx\\nitem\\tgroup\\t8\\tx\\nitem\\tgroup\\t9\\tx\\n"
	    "value\\tname\\tshop\\tx\\nvalue\\thome\\t/srv/shop\\tx\\nend\\t\\t\\t\\n");
	if (geteuid() != 0)
		return;		/* it may not become anybody */
	CU_ASSERT_EQUAL_FATAL(quietly(look_up, &a), 0);
	CU_ASSERT_TRUE(a.set);
	CU_ASSERT(a.uid == 7 && a.gid == 8 && a.n_groups == 2 && a.groups[0] == 8 && a.groups[1] == 9);
	CU_ASSERT_STRING_EQUAL(a.name, "shop");
	CU_ASSERT_STRING_EQUAL(a.home, "/srv/shop");
}

/* Numbers that are none, none at all, or the one that stands for no user. */
static void
test_accounts_that_are_none(void)
{
	static const char *const texts[] = { "", "value\\tuid\\t7\\tx\\nvalue\\tgid\\t8\\tx\\n",
	    "value\\tuid\\t7\\tx\\nitem\\tgroup\\t8\\tx\\n", "value\\tuid\\t-7\\tx\\n",
	    "value\\tuid\\t 7\\tx\\n", "value\\tuid\\t4294967295\\tx\\n",
	    "value\\tuid\\t99999999999999999999999\\tx\\n", "value\\tuid\\t7x\\tx\\n",
	    "item\\tgroup\\t\\tx\\n" };
	static struct master_account a;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char text[256];

		snprintf(text, sizeof(text), "%send\\t\\t\\t\\n", texts[i]);
		answers(text);
		CU_ASSERT_NOT_EQUAL(quietly(look_up, &a), 0);
		CU_ASSERT_PTR_NOT_NULL(strstr(said, "fastrd: --user shop: want numbers below 4294967295"));
	}
	answers("error\\t\\t--user shop: there is no such user\\tx\\nend\\t\\t\\t\\n");
	CU_ASSERT_NOT_EQUAL(quietly(look_up, &a), 0);
	CU_ASSERT_STRING_EQUAL(said, "fastrd: --user shop: there is no such user\n");
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "test_an_answer", test_an_answer },
		{ "test_answers_that_are_none", test_answers_that_are_none },
		{ "test_lines_with_too_few_fields", test_lines_with_too_few_fields },
		{ "test_whom_root_runs", test_whom_root_runs },
		{ "test_an_account", test_an_account },
		{ "test_accounts_that_are_none", test_accounts_that_are_none },
		CU_TEST_INFO_NULL,
	};

	CU_SuiteInfo suites[] = {
		{ "master_helper", set_up, tear_down, NULL, NULL, tests },
		CU_SUITE_INFO_NULL,
	};

	return suites_run(suites);
}
