/*
 * sync = auto as a state machine: what runs on the loop, and how it loses that.
 * Times are given, not taken.
 */
#include <CUnit/Basic.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/loop/sync_mode.h"
#include "tests/unit/suite.h"

#define MS INT64_C(1000000)

/* One measured run: s(hort), l(ong) or b(locking) on the pool; S(hort), L(ong) or
 * B(locking) on the loop. */
static void
run(struct pyb_sync_stat *stat, char kind)
{
	bool pooled = kind >= 'a';
	struct pyb_sync_probe probe;

	pyb_sync_mode_begin(&probe, pooled);
	/* Begun in a second, so that it took less than nothing. */
	probe.began_ns += 1000 * MS;
	if (kind == 'l')
		probe.began_ns -= 1001 * MS;
	if (kind == 'L')
		probe.began_ns -= 1010 * MS;
	if (kind == 'b' || kind == 'B')
		probe.switches--;
	pyb_sync_mode_end(stat, &probe, pooled);
}

static void
runs(struct pyb_sync_stat *stat, const char *script)
{
	while (*script != '\0') {
		char *end;
		long n = strtol(script, &end, 10);

		for (long i = 0; i < (n > 0 ? n : 1); i++)
			run(stat, *end);
		script = end + 1 + strspn(end + 1, " ");
	}
}

static void
test_modes(void)
{
	struct pyb_sync_stat fresh = { 0 }, promoted = { .promoted = true };

	CU_ASSERT_FALSE(pyb_sync_mode_inline(PYB_SYNC_THREADS, &fresh));
	CU_ASSERT_FALSE(pyb_sync_mode_inline(PYB_SYNC_THREADS, &promoted));
	CU_ASSERT_FALSE(pyb_sync_mode_inline(PYB_SYNC_AUTO, &fresh));
	CU_ASSERT_TRUE(pyb_sync_mode_inline(PYB_SYNC_AUTO, &promoted));
	CU_ASSERT_TRUE(pyb_sync_mode_inline(PYB_SYNC_INLINE, &fresh));
	CU_ASSERT_TRUE(pyb_sync_mode_inline(PYB_SYNC_INLINE, &promoted));
}

static void
test_scripts(void)
{
	static const struct { const char *script; bool promoted; uint32_t good; } rows[] = {
		{ "", false, 0 }, { "s", false, 1 }, { "63s", false, 63 }, { "64s", true, 64 },
		{ "63s l", false, 0 }, { "63s l s", false, 1 }, { "63s b 63s", false, 63 },
		{ "63s b 64s", true, 64 }, { "1000l", false, 0 }, { "1000b", false, 0 },
		/* On the loop only a long run counts; blocking shows as one. */
		{ "64s 1000S", true, 64 }, { "64s 10B", true, 64 }, { "64s L", false, 0 },
		/* A run that was on its way to the pool does not demote. */
		{ "64s l", true, 0 },
		/* Then it takes sixteen times as many. */
		{ "64s L 1023s", false, 1023 }, { "64s L 1024s", true, 1024 },
		{ "64s L 1023s l 1023s", false, 1023 }, { "64s L 1024s L 16383s", false, 16383 },
		{ "64s L 1024s L 16384s", true, 16384 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pyb_sync_stat stat = { 0 };

		runs(&stat, rows[i].script);
		CU_ASSERT_EQUAL(stat.promoted, rows[i].promoted);
		CU_ASSERT_EQUAL(stat.good, rows[i].good);
	}
}

/* Each time longer, up to a bound, and never shorter again. */
static void
test_demoted_for_longer_each_time(void)
{
	static const uint32_t wanted[] = { 1024, 16384, 262144, 1 << 20, 1 << 20, 1 << 20 };
	struct pyb_sync_stat stat = { .promoted = true };

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		stat.promoted = true;
		run(&stat, 'L');
		CU_ASSERT_FALSE(stat.promoted);
		CU_ASSERT_EQUAL(stat.needed, wanted[i]);
	}
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "modes", test_modes },
		{ "scripts", test_scripts },
		{ "demoted for longer each time", test_demoted_for_longer_each_time },
		CU_TEST_INFO_NULL,
	};

	return suite_run("bindings: sync mode", tests);
}
