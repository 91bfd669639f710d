/*
 * Tests of base/clock.h: each name reads the clock and counts in the unit that it
 * says. A reading lies between two of the kernel's own.
 */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>

#include "base/clock.h"
#include "tests/unit/suite.h"

/* What the kernel says, in units of `per_s` to the second, rounded down. */
static int64_t
kernel(clockid_t id, int64_t per_s)
{
	struct timespec ts;

	CU_ASSERT_EQUAL_FATAL(clock_gettime(id, &ts), 0);
	return ts.tv_sec * per_s + ts.tv_nsec / (1000000000 / per_s);
}

#define BETWEEN(id, per_s, reading) \
	do { \
		int64_t before = kernel((id), (per_s)); \
		int64_t got = (int64_t)(reading); \
		int64_t after = kernel((id), (per_s)); \
		CU_ASSERT(before <= got && got <= after); \
	} while (0)

static void
each_name_reads_its_clock_in_its_unit(void)
{
	BETWEEN(CLOCK_MONOTONIC, 1000000000, clock_monotonic_ns());
	BETWEEN(CLOCK_MONOTONIC, 1000, clock_monotonic_ms());
	BETWEEN(CLOCK_MONOTONIC, 1, clock_monotonic().tv_sec);
	BETWEEN(CLOCK_MONOTONIC_COARSE, 1000, clock_coarse_ms());
	BETWEEN(CLOCK_REALTIME_COARSE, 1, clock_unix_s());
	BETWEEN(CLOCK_REALTIME, 1000, clock_unix_ms());
}

static void
seconds_are_a_double_good_to_a_microsecond(void)
{
	double before = (double)kernel(CLOCK_MONOTONIC, 1000000000) * 1e-9;
	double got = clock_monotonic_s();
	double after = (double)kernel(CLOCK_MONOTONIC, 1000000000) * 1e-9;

	CU_ASSERT(before - 1e-6 <= got && got <= after + 1e-6);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "each name reads its clock in its unit", each_name_reads_its_clock_in_its_unit },
		{ "seconds are a double good to a microsecond",
		    seconds_are_a_double_good_to_a_microsecond },
		CU_TEST_INFO_NULL,
	};

	return suite_run("clock", tests);
}
