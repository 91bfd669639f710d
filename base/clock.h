/*
 * clock: the time, by which clock and in which unit.
 *
 * Used by every room that measures or waits; no other code reads a clock. The
 * monotonic clock measures spans and never jumps. The coarse one is monotonic too:
 * it costs a few nanoseconds and lags by up to one tick of the kernel (4 ms at 250
 * Hz), which is good enough for time-outs; never compare it with the exact one. The
 * unix clock says what day it is, and an administrator may turn it back.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* None of these can fail: Linux has every clock named here. */
static inline struct timespec
clock_read(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts;
}

/* For calls that take an absolute time of CLOCK_MONOTONIC. */
static inline struct timespec
clock_monotonic(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

/* Seconds, as asyncio's loop.time(). */
static inline double
clock_monotonic_s(void)
{
	struct timespec ts = clock_read(CLOCK_MONOTONIC);

	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static inline uint64_t
clock_monotonic_ms(void)
{
	struct timespec ts = clock_read(CLOCK_MONOTONIC);

	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static inline uint64_t
clock_monotonic_ns(void)
{
	struct timespec ts = clock_read(CLOCK_MONOTONIC);

	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static inline uint64_t
clock_coarse_ms(void)
{
	struct timespec ts = clock_read(CLOCK_MONOTONIC_COARSE);

	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Whole seconds since 1970, coarse as well: for the Date field. */
static inline int64_t
clock_unix_s(void)
{
	return clock_read(CLOCK_REALTIME_COARSE).tv_sec;
}

/* Microseconds since 1970, exact: for the access log. */
static inline uint64_t
clock_unix_us(void)
{
	struct timespec ts = clock_read(CLOCK_REALTIME);

	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* Milliseconds since 1970, exact: for log lines. */
static inline uint64_t
clock_unix_ms(void)
{
	struct timespec ts = clock_read(CLOCK_REALTIME);

	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

#endif
