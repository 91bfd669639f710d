/*
 * Tests of base/conf: every row of conf_keys.def is sound, and read as it says.
 */
#include <CUnit/Basic.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/log.h"
#include "tests/unit/suite.h"

static struct conf conf;
static char why[CONF_WHY_BYTES];

static const struct conf_row *
row_of(const char *name)
{
	return conf_find(name, strlen(name), '_');
}

static int
set(const char *name, const char *text)
{
	return conf_set(&conf, row_of(name), text, why);
}

static void
rows_are_sound(void)
{
	conf_init(&conf);
	for (size_t i = 0; i < CONF_COUNT; i++) {
		const struct conf_row *row = &conf_rows[i];
		char text[64];

		CU_ASSERT(row->help[0] != '\0');
		CU_ASSERT(row->number >= row->low && row->number <= row->high);
		CU_ASSERT((row->words != NULL) == (row->type == CONF_WORD));
		CU_ASSERT((row->argument[0] == '\0') == (row->type == CONF_SWITCH));
		CU_ASSERT_PTR_EQUAL(row_of(row->name), row);
		CU_ASSERT(strlen(row->name) < CONF_NAME_BYTES - sizeof("FASTRD_"));
		for (const char *p = row->name; *p != '\0'; p++)
			CU_ASSERT(islower((unsigned char)*p) || *p == '_');
		/* A default is a value that the row itself accepts. */
		CU_ASSERT(conf_print(&conf, row, text, sizeof(text)) < sizeof(text));
		CU_ASSERT_EQUAL(conf_set(&conf, row, text, why), 0);
	}
}

/* What is printed is read back as the same value. */
static void
values_survive_being_texts(void)
{
	static const struct { const char *name, *text; } rows[] = {
		{ "host", "::1" }, { "port", "0" }, { "fd", "-1" }, { "factory", "1" },
		{ "sync", "inline" }, { "timeout_keep_alive", "86400" }, { "log_level", "error" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[64];

		conf_init(&conf);
		CU_ASSERT_EQUAL(set(rows[i].name, rows[i].text), 0);
		conf_print(&conf, row_of(rows[i].name), text, sizeof(text));
		CU_ASSERT_STRING_EQUAL(text, rows[i].text);
	}
	CU_ASSERT_EQUAL(set("timeout_keep_alive", "86400"), 0);
	CU_ASSERT_EQUAL(conf.timeout_keep_alive_ms, 86400000);
	CU_ASSERT_EQUAL(conf_print(&conf, row_of("host"), NULL, 0), strlen(conf.host));
}

static void
names_are_found_as_flags_and_as_they_are(void)
{
	CU_ASSERT_PTR_EQUAL(conf_find("app-dir", 7, '-'), row_of("app_dir"));
	CU_ASSERT_PTR_EQUAL(conf_find("app-dir=x", 7, '-'), row_of("app_dir"));
	CU_ASSERT_PTR_NULL(conf_find("app_dir", 7, '-'));
	CU_ASSERT_PTR_NULL(conf_find("app-dir", 7, '_'));
	CU_ASSERT_PTR_NULL(conf_find("app-di", 6, '-'));
	CU_ASSERT_PTR_NULL(conf_find("app-dirs", 8, '-'));
	CU_ASSERT_PTR_NULL(conf_find("", 0, '-'));
}

static void
a_refusal_says_what_is_wanted_and_changes_nothing(void)
{
	static const struct { const char *name, *text, *why; } rows[] = {
		{ "port", "65536", "want a number from 0 to 65535" },
		{ "port", "", "want a number from 0 to 65535" },
		{ "port", "-", "want a number from 0 to 65535" },
		{ "port", " 1", "want a number from 0 to 65535" },
		{ "port", "1 ", "want a number from 0 to 65535" },
		{ "fd", "-2", "want a number from -1 to 65535" },
		{ "timeout_write", "0", "want a number from 1 to 3600" },
		{ "factory", "2", "want true or false" },
		{ "factory", "tr", "want true or false" },
		{ "limit_head", "1", "want bytes from 1024 to 1048576, as in 65536, 64K or 10M" },
		{ "limit_head", "2M", "want bytes from 1024 to 1048576, as in 65536, 64K or 10M" },
		{ "limit_head", "64KB", "want bytes from 1024 to 1048576, as in 65536, 64K or 10M" },
		{ "limit_head", "64T", "want bytes from 1024 to 1048576, as in 65536, 64K or 10M" },
		{ "limit_body", "-1K", "want bytes from 0 to 2147483647, as in 65536, 64K or 10M" },
		{ "workers", "1K", "want a number from 1 to 64" },
		{ "sync", "thread", "want threads, auto or inline" },
		{ "sync", "threadss", "want threads, auto or inline" },
		{ "sync", "threads auto", "want threads, auto or inline" },
		{ "sync", "", "want threads, auto or inline" },
		{ "log_level", "trace=debug", "want debug, info, warning or error" },
		{ "log_level", "INFOS", "want debug, info, warning or error" },
	};
	char before[64], after[64];

	conf_init(&conf);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		conf_print(&conf, row_of(rows[i].name), before, sizeof(before));
		CU_ASSERT_EQUAL(set(rows[i].name, rows[i].text), -1);
		CU_ASSERT_STRING_EQUAL(why, rows[i].why);
		conf_print(&conf, row_of(rows[i].name), after, sizeof(after));
		CU_ASSERT_STRING_EQUAL(before, after);
	}
}

static void
sizes_and_switches_have_more_than_one_spelling(void)
{
	static const struct { const char *text; int64_t bytes; } sizes[] = {
		{ "0", 0 }, { "500", 500 }, { "64K", 65536 }, { "1k", 1024 }, { "10M", 10485760 },
		{ "1G", 1073741824 }, { "2147483647", 2147483647 },
	};
	static const char *const on[] = { "1", "True", "yes", "ON", "t", "y" };
	static const char *const off[] = { "0", "FALSE", "no", "off", "f", "N" };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		CU_ASSERT_EQUAL(set("limit_body", sizes[i].text), 0);
		CU_ASSERT_EQUAL(conf.limit_body, sizes[i].bytes);
	}
	for (size_t i = 0; i < 6; i++) {
		CU_ASSERT_EQUAL(set("gzip", on[i]), 0);
		CU_ASSERT_TRUE(conf.gzip);
		CU_ASSERT_EQUAL(set("gzip", off[i]), 0);
		CU_ASSERT_FALSE(conf.gzip);
		/* And a word that is a switch, too. */
		CU_ASSERT_EQUAL(set("access_log", on[i]), 0);
		CU_ASSERT_EQUAL(conf.access_log, 1);
	}
}

/* uvicorn's trace and critical included. */
static void
log_levels_are_those_of_the_log(void)
{
	static const struct { const char *word; enum log_level level; } rows[] = {
		{ "debug", LOG_LEVEL_DEBUG }, { "info", LOG_LEVEL_INFO },
		{ "warning", LOG_LEVEL_WARN }, { "error", LOG_LEVEL_ERROR },
		{ "Trace", LOG_LEVEL_DEBUG }, { "INFO", LOG_LEVEL_INFO }, { "critical", LOG_LEVEL_ERROR },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CU_ASSERT_EQUAL(set("log_level", rows[i].word), 0);
		CU_ASSERT_EQUAL(conf.log_level, rows[i].level);
	}
}

static void
the_environment_is_read_for_who_asks(void)
{
	conf_init(&conf);
	setenv("FASTRD_WORKERS", "3", 1);
	setenv("FASTRD_TIMEOUT_HEADER", "4", 1);
	setenv("FASTRD_HOST", "", 1);
	CU_ASSERT_EQUAL(conf_environment(&conf, CONF_CHILD, why), 0);
	CU_ASSERT_EQUAL(conf.workers, 1);
	CU_ASSERT_EQUAL(conf.timeout_header_ms, 4000);
	CU_ASSERT_EQUAL(conf_environment_row(&conf, row_of("workers"), why), 1);
	CU_ASSERT_EQUAL(conf_environment_row(&conf, row_of("host"), why), 0);
	CU_ASSERT_EQUAL(conf.workers, 3);
	CU_ASSERT_STRING_EQUAL(conf.host, "127.0.0.1");
	setenv("FASTRD_TIMEOUT_HEADER", "soon", 1);
	CU_ASSERT_EQUAL(conf_environment(&conf, CONF_CHILD, why), -1);
	CU_ASSERT_STRING_EQUAL(why, "FASTRD_TIMEOUT_HEADER=soon: want a number from 1 to 3600");
	unsetenv("FASTRD_WORKERS");
	unsetenv("FASTRD_TIMEOUT_HEADER");
	unsetenv("FASTRD_HOST");
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "rows_are_sound", rows_are_sound },
		{ "values_survive_being_texts", values_survive_being_texts },
		{ "names_are_found_as_flags_and_as_they_are",
		    names_are_found_as_flags_and_as_they_are },
		{ "a_refusal_says_what_is_wanted_and_changes_nothing",
		    a_refusal_says_what_is_wanted_and_changes_nothing },
		{ "sizes_and_switches_have_more_than_one_spelling",
		    sizes_and_switches_have_more_than_one_spelling },
		{ "log_levels_are_those_of_the_log", log_levels_are_those_of_the_log },
		{ "the_environment_is_read_for_who_asks", the_environment_is_read_for_who_asks },
		CU_TEST_INFO_NULL,
	};

	return suite_run("base: conf", tests);
}
