/*
 * preset: Date and Server, and fields of --header, written once a second.
 *
 * Called by worker.c and added.c (the settings) and by reply.c for every answer. The names, their order and
 * the lower case are uvicorn's.
 */
#include "worker/preset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/must.h"
#include "http/date.h"

enum { DATE_AT = sizeof("date: ") - 1, DATE_LEN = 29 };

/* The lines of --header behind what is there: the names in lower case. -1: one is no field. */
static int
headers_put(struct worker_preset *p, const char *lines)
{
	while (*lines != '\0') {
		size_t len = strcspn(lines, "\n"), name = strcspn(lines, ":"), value = name + 1;
		char *out = p->text + p->len;

		if (name == 0 || name >= len)
			return -1;
		while (value < len && lines[value] == ' ')
			value++;
		for (size_t i = value; i < len; i++)
			if ((unsigned char)lines[i] < ' ' || lines[i] == 0x7f)
				return -1;
		for (size_t i = 0; i < name; i++)
			out[i] = (char)slice_lower((unsigned char)lines[i]);
		p->len += name + (size_t)sprintf(out + name, ": %.*s\r\n", (int)(len - value), lines + value);
		lines += len + (lines[len] != '\0');
	}
	return 0;
}

bool
worker_preset_names(const char *lines, const char *name)
{
	size_t len = strlen(name);

	for (; *lines != '\0'; lines += strspn(lines, "\n")) {
		if (strncasecmp(lines, name, len) == 0 && lines[len] == ':')
			return true;
		lines += strcspn(lines, "\n");
	}
	return false;
}

int
worker_preset_init(struct worker_preset *p, const struct conf *conf)
{
	static const char server[] = "server: fastrd\r\n";
	size_t lines = 1;

	for (const char *c = conf->header; *c != '\0'; c++)
		lines += *c == '\n';
	p->text = malloc(DATE_AT + DATE_LEN + 2 + sizeof(server) + strlen(conf->header) + 4 * lines + 1);
	if (p->text == NULL)
		return -1;
	p->unix_s = -1;
	p->len = 0;
	if (conf->date_header) {
		p->unix_s = 0;
		p->len = (size_t)sprintf(p->text, "date: %*s\r\n", DATE_LEN, "");
	}
	if (conf->server_header && !worker_preset_names(conf->header, "server"))
		p->len += (size_t)sprintf(p->text + p->len, "%s", server);
	return headers_put(p, conf->header);
}

void
worker_preset_fini(struct worker_preset *p)
{
	free(p->text);
	p->text = NULL;
}

struct slice
worker_preset_get(struct worker_preset *p)
{
	int64_t now_s = p->unix_s >= 0 ? clock_unix_s() : -1;

	if (now_s != p->unix_s) {
		char date[HX_DATE_ROOM];

		hx_date_write(date, now_s);
		must(strlen(date) == DATE_LEN);
		memcpy(p->text + DATE_AT, date, DATE_LEN);
		p->unix_s = now_s;
	}
	return (struct slice){ p->text, p->len };
}
