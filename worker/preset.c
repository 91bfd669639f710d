/*
 * preset: Date and Server, written once a second.
 *
 * Called by reply.c for every answer. The names, their order and the lower case are
 * uvicorn's.
 */
#include "worker/preset.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/must.h"
#include "http/date.h"

struct slice
worker_preset_get(struct worker_preset *p)
{
	int64_t now_s = clock_unix_s();

	if (p->len == 0 || now_s != p->unix_s) {
		char date[HX_DATE_ROOM];

		hx_date_write(date, now_s);
		p->unix_s = now_s;
		p->len = (size_t)snprintf(p->text, sizeof(p->text),
		    "date: %s\r\nserver: fastrd\r\n", date);
		must(p->len < sizeof(p->text));
	}
	return (struct slice){ p->text, p->len };
}
