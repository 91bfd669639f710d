/*
 * shortage: one row per limit, with its remedy.
 *
 * Called by the rest of master/ where it asks the system for descriptors, processes
 * or memory.
 */
#include "master/shortage.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
	int err;
	const char *remedy;
} rows[] = {
	{ EMFILE, "raise the limit of open files (ulimit -n, LimitNOFILE= of a service)" },
	{ ENFILE, "the whole system is out of open files, raise fs.file-max" },
	{ EAGAIN, "raise the limit of processes (ulimit -u, TasksMax= of a service)" },
	{ ENOMEM, "free some memory" },
	{ ENOBUFS, "free some memory" },
};

static const char *
remedy_of(int err)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].err == err)
			return rows[i].remedy;
	return NULL;
}

bool
master_shortage(int err)
{
	return remedy_of(err) != NULL;
}

const char *
master_shortage_text(char *text, size_t room, const char *what, int err)
{
	const char *remedy = remedy_of(err);

	snprintf(text, room, "cannot %s: %s%s%s", what, strerror(err),
	    remedy != NULL ? "; " : "", remedy != NULL ? remedy : "");
	return text;
}
