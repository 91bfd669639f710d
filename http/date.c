/*
 * date: formatted without the locale.
 *
 * Called by worker/preset.c, which keeps the text for a second, and by files/stamp.c.
 */
#include "http/date.h"

#include <stdio.h>
#include <time.h>

void
hx_date_write(char out[HX_DATE_ROOM], int64_t unix_s)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t time = (time_t)unix_s;
	struct tm tm;

	gmtime_r(&time, &tm);
	/* The remainders change nothing; they show that the text fits. */
	snprintf(out, HX_DATE_ROOM, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
	    days + 3 * tm.tm_wday, (unsigned)tm.tm_mday % 100, months + 3 * tm.tm_mon,
	    (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)tm.tm_hour % 100,
	    (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
}
