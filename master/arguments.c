/*
 * arguments: append texts, never beyond the room.
 *
 * Called by spawn.c and warm.c for children and by commands.c. Nothing here knows a setting by its
 * name.
 */
#include "master/arguments.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "master/python.h"

void
master_arguments_init(struct master_arguments *a, const char *python)
{
	char launcher[PATH_MAX];

	memset(a, 0, sizeof(*a));
	master_arguments_add(a, python);
	master_arguments_add(a, "-P");
	if (master_python_launcher(launcher, sizeof(launcher)))
		master_arguments_addf(a, "%s", launcher);
}

void
master_arguments_add(struct master_arguments *a, const char *text)
{
	a->overflow |= a->argc >= ARGUMENTS_MAX - 1;
	if (!a->overflow)
		a->argv[a->argc++] = text;
}

/* Append the text of `n` bytes that was just printed behind those in use, unless it was
 * cut. */
static void
take(struct master_arguments *a, size_t n)
{
	const char *text = a->bytes + a->used;

	a->overflow |= n >= sizeof(a->bytes) - a->used;
	if (a->overflow)
		return;
	a->used += n + 1;
	master_arguments_add(a, text);
}

void
master_arguments_addf(struct master_arguments *a, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(a->bytes + a->used, sizeof(a->bytes) - a->used, fmt, ap);
	va_end(ap);
	must(n >= 0);
	take(a, (size_t)n);
}

void
master_arguments_settings(struct master_arguments *a, const struct conf *c)
{
	for (size_t i = 0; i < CONF_COUNT; i++) {
		size_t left = sizeof(a->bytes) - a->used, n;
		char *text = a->bytes + a->used;

		if ((conf_rows[i].marks & CONF_CHILD) == 0 || (conf_rows[i].marks & CONF_SECRET) != 0)
			continue;
		n = (size_t)snprintf(text, left, "%s=", conf_rows[i].name);
		if (n < left)
			n += conf_print(c, &conf_rows[i], text + n, left - n);
		take(a, n);
	}
}

int
master_arguments_secrets(const struct conf *c)
{
	char name[CONF_NAME_BYTES];
	int rc = 0;

	for (size_t i = 0; i < CONF_COUNT && rc == 0; i++) {
		const char *text;

		if ((conf_rows[i].marks & CONF_SECRET) == 0)
			continue;
		text = conf_text(c, &conf_rows[i]);
		conf_variable(&conf_rows[i], name);
		rc = *text != '\0' ? setenv(name, text, 1) : unsetenv(name);
	}
	return rc;
}
