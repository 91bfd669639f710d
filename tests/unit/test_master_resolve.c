/*
 * test_master_resolve: which words are names of hosts, and what is put in their place. A script
 * stands for the helper's Python.
 */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "master/resolve.h"
#include "tests/unit/suite.h"

static char directory[] = "/tmp/fastrd_resolve_XXXXXX", script[64];
static char said[1024];

static int
set_up(void)
{
	if (mkdtemp(directory) == NULL || chmod(directory, 0755) < 0)
		return 1;
	snprintf(script, sizeof(script), "%s/python", directory);
	return 0;
}

static int
tear_down(void)
{
	unlink(script);
	return rmdir(directory);
}

/* The script answers with this line, and the last one. */
static void
answers(const char *line)
{
	FILE *file = fopen(script, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fprintf(file, "#!/bin/sh\nprintf '%s\\nend\\t\\t\\t\\n'\n", line);
	fclose(file);
	CU_ASSERT_EQUAL(chmod(script, 0755), 0);
}

/* What is printed to standard error is in `said`. */
static int
resolve(struct conf *c, struct arena *texts)
{
	int err = dup(STDERR_FILENO), rc;
	FILE *file = tmpfile();

	dup2(fileno(file), STDERR_FILENO);
	rc = master_resolve(c, script, texts);
	dup2(err, STDERR_FILENO);
	close(err);
	rewind(file);
	said[fread(said, 1, sizeof(said) - 1, file)] = '\0';
	fclose(file);
	return rc;
}

/* --bind `text` is `wanted` afterwards. */
static void
check_bind(const char *text, const char *wanted)
{
	struct arena texts;
	struct conf c;

	conf_init(&c);
	arena_init(&texts, 256);
	c.bind = text;
	CU_ASSERT_EQUAL_FATAL(resolve(&c, &texts), 0);
	CU_ASSERT_STRING_EQUAL(c.bind, wanted);
	arena_fini(&texts);
}

static void
test_names_become_addresses(void)
{
	answers("value\\tshop\\t10.0.0.7\\tshop");
	check_bind("shop:80", "10.0.0.7:80");
	check_bind("127.0.0.1:80,shop.example:81,[::1]:82,unix:/run/shop:1,fd://3,web-1:83",
	    "127.0.0.1:80,10.0.0.7:81,[::1]:82,unix:/run/shop:1,fd://3,10.0.0.7:83");
	answers("value\\tshop\\tfd00::7\\tshop");
	check_bind("shop:80,shop:81", "[fd00::7]:80,[fd00::7]:81");
}

/* Nobody is asked: the script would answer with a mistake. */
static void
test_what_is_no_name(void)
{
	static const char *const words[] = { "", "localhost:80", "127.0.0.1:80", "[::1]:80", "shop",
	    "shop:", "shop:http", "unix:shop", "fd://1", "sh op:80", "shop/:80" };

	answers("error\\tx\\tsomebody was asked\\tx");
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		check_bind(words[i], words[i]);
}

static void
test_a_host(void)
{
	struct arena texts;
	struct conf c;

	conf_init(&c);
	arena_init(&texts, 256);
	answers("value\\tshop\\t10.0.0.7\\tshop");
	c.host = "shop";
	c.uds = "/run/shop";	/* which is opened in its place */
	CU_ASSERT_EQUAL(resolve(&c, &texts), 0);
	CU_ASSERT_STRING_EQUAL(c.host, "shop");
	c.uds = "";
	CU_ASSERT_EQUAL(resolve(&c, &texts), 0);
	CU_ASSERT_STRING_EQUAL(c.host, "10.0.0.7");
	arena_fini(&texts);
}

static void
test_names_that_nobody_knows(void)
{
	struct arena texts;
	struct conf c;

	conf_init(&c);
	arena_init(&texts, 256);
	answers("error\\tshop\\tName or service not known\\tshop");
	c.bind = "shop:80";
	CU_ASSERT_EQUAL(resolve(&c, &texts), -1);
	CU_ASSERT_STRING_EQUAL(said, "fastrd: --bind shop: Name or service not known; give an address or the "
	    "name of this machine\n");
	c.bind = "";
	c.host = "shop";
	CU_ASSERT_EQUAL(resolve(&c, &texts), -1);
	CU_ASSERT_STRING_EQUAL(said, "fastrd: --host shop: Name or service not known; give an address or the "
	    "name of this machine\n");
	arena_fini(&texts);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "test_names_become_addresses", test_names_become_addresses },
		{ "test_what_is_no_name", test_what_is_no_name },
		{ "test_a_host", test_a_host },
		{ "test_names_that_nobody_knows", test_names_that_nobody_knows },
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{ "master_resolve", set_up, tear_down, NULL, NULL, tests },
		CU_SUITE_INFO_NULL,
	};

	return suites_run(suites);
}
