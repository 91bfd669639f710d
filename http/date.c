/*
 * date: formatted once a second, without the locale.
 *
 * Called by worker/worker.c.
 */
#include "http/date.h"

#include <stdio.h>
#include <time.h>

enum { DATE_LEN = 29 };

struct slice
hx_date_get(struct hx_date *d, int64_t unix_s)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t now = (time_t)unix_s;
	struct tm tm;

	if (d->unix_s != unix_s || d->text[0] == '\0') {
		gmtime_r(&now, &tm);
		snprintf(d->text, sizeof(d->text), "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
		    days + 3 * tm.tm_wday, tm.tm_mday % 100, months + 3 * tm.tm_mon,
		    (tm.tm_year + 1900) % 10000, tm.tm_hour % 100, tm.tm_min % 100,
		    tm.tm_sec % 100);
		d->unix_s = unix_s;
	}
	return (struct slice){ d->text, DATE_LEN };
}
