/*
 * test_master_file: the helper's rows become settings, or a line each.
 */
#include <CUnit/Basic.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "master/conf.h"
#include "master/file.h"
#include "tests/unit/suite.h"

#define FILE_ROW "file\t\t/etc/f.toml\t/etc/f.toml\n"
#define END "end\t\t\t\n"

static struct master_conf conf;
static char said[4096];

static void
complain(void *arg, const char *text)
{
	size_t n = strlen(said);

	(void)arg;
	snprintf(said + n, sizeof(said) - n, "%s\n", text);
}

/* master_file_take() of these rows. */
static int
take(const char *rows)
{
	char answer[2048];

	master_conf_fini(&conf);
	memset(&conf, 0, sizeof(conf));
	conf_init(&conf.values);
	arena_init(&conf.texts, 256);
	said[0] = '\0';
	snprintf(answer, sizeof(answer), "%s", rows);
	return master_file_take(&conf, answer, &(struct master_complaints){ .say = complain });
}

static void
test_rows(void)
{
	CU_ASSERT_EQUAL(take(FILE_ROW "value\tport\t81\t/etc/f.toml:1\n"
	    "list\tforwarded_allow_ips\t\t/etc/f.toml:2\nitem\tforwarded_allow_ips\t10.0.0.1\t/etc/f.toml:2\n"
	    "item\tforwarded_allow_ips\t10.0.0.2\t/etc/f.toml:2\nvalue\tlog_file\tlog\t/etc/f.toml:3\n"
	    "value\tfactory\ttrue\t/etc/f.toml:4\n" END), 0);
	CU_ASSERT_STRING_EQUAL(said, "");
	CU_ASSERT_STRING_EQUAL(conf.file, "/etc/f.toml");
	CU_ASSERT_EQUAL(conf.values.port, 81);
	CU_ASSERT_STRING_EQUAL(conf.values.forwarded_allow_ips, "10.0.0.1,10.0.0.2");
	CU_ASSERT_STRING_EQUAL(conf.values.log_file, "/etc/log");
	CU_ASSERT_TRUE(conf.values.factory);
	CU_ASSERT_STRING_EQUAL(conf.origins[CONF_port].where, "/etc/f.toml:1");
	CU_ASSERT_EQUAL(take(END), 0);
	CU_ASSERT_PTR_NULL(conf.file);
}

/* Each mistake is told, and where it stands. */
static void
test_rows_that_are_wrong(void)
{
	static const struct {
		const char *row, *text;
	} rows[] = {
		{ "value\tport\t65536\tf:1\n", "f:1: port = 65536: want " },
		{ "value\tport\t\tf:1\n", "f:1: port = : want " },
		{ "value\tport\t0x50\tf:1\n", "f:1: port = 0x50: want " },
		{ "value\tprot\t80\tf:2\n", "f:2: " },
		{ "value\t\t80\tf:2\n", "f:2: " },
		{ "value\tconfig\tother.toml\tf:3\n", "f:3: " },
		{ "list\tport\t\tf:4\nitem\tport\t80\tf:4\n", "f:4: port: want one value, not a list\n" },
		{ "list\tbind\t\tf:5\nitem\tbind\ta:1,b:2\tf:5\n",
		    "f:5: bind: want no ',' in a member of the list\n" },
		{ "value\tfactory\tmaybe\tf:6\n", "f:6: factory = maybe: want " },
		{ "error\t\twant UTF-8\tf:7\n", "f:7: want UTF-8\n" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[512];

		snprintf(text, sizeof(text), FILE_ROW "%svalue\tport\t81\tf:9\n" END, rows[i].row);
		CU_ASSERT_EQUAL(take(text), -1);
		CU_ASSERT_EQUAL(strncmp(said, rows[i].text, strlen(rows[i].text)), 0);
		CU_ASSERT_EQUAL(conf.values.port, 81);	/* the rest is looked at, for its mistakes */
	}
}

/* Half of an answer is no configuration. */
static void
test_answers_that_are_not_understood(void)
{
	static const char *const answers[] = { "", FILE_ROW, FILE_ROW "value\tport\t81\tf:1\n",
	    FILE_ROW "value\tport\t81\n" END, FILE_ROW "value\n" END, "value\tport\t81\tf:1\n" END,
	    FILE_ROW "\n" END, FILE_ROW "end" };

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		CU_ASSERT_EQUAL(take(answers[i]), -1);
		CU_ASSERT_STRING_EQUAL(said, "what Python has read of the configuration is not understood\n");
	}
}

/* Of a text of any length as much is said as fits. */
static void
test_long_values(void)
{
	char row[1600], value[1200];

	memset(value, '9', sizeof(value));
	value[sizeof(value) - 1] = '\0';
	snprintf(row, sizeof(row), FILE_ROW "value\tport\t%s\tf:1\n" END, value);
	CU_ASSERT_EQUAL(take(row), -1);
	CU_ASSERT(strlen(said) < 600 && strncmp(said, "f:1: port = 9999", 16) == 0);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "test_rows", test_rows },
		{ "test_rows_that_are_wrong", test_rows_that_are_wrong },
		{ "test_answers_that_are_not_understood", test_answers_that_are_not_understood },
		{ "test_long_values", test_long_values },
		CU_TEST_INFO_NULL,
	};
	int rc = suite_run("master_file", tests);

	master_conf_fini(&conf);
	return rc;
}
