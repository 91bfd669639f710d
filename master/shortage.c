/*
 * shortage: one row per limit, with its remedy.
 *
 * Called by the rest of master/ where it asks for descriptors, processes, memory or a
 * record of its own. It makes the text; the caller logs or prints it.
 */
#include "master/shortage.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct row {
	int err;
	const char *cause;	/* NULL: the system's own text */
	const char *remedy;
} rows[] = {
	{ EMFILE, NULL, "raise the limit of open files (ulimit -n, LimitNOFILE= of a service)" },
	{ ENFILE, NULL, "the whole system is out of open files, raise fs.file-max" },
	{ EAGAIN, NULL, "raise the limit of processes (ulimit -u, TasksMax= of a service)" },
	{ ENOMEM, NULL, "free some memory" },
	{ ENOBUFS, NULL, "free some memory" },
	{ MASTER_SHORTAGE_CHILDREN, "too many earlier processes have not ended yet",
	    "wait for them, or kill them" },
	{ MASTER_SHORTAGE_PYTHON, "another user may change each Python that there is, and root runs none "
	    "of those", "install /usr/bin/python3, or start fastrd as that user" },
};

static const struct row *
row_of(int err)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].err == err)
			return &rows[i];
	return NULL;
}

bool
master_shortage(int err)
{
	return row_of(err) != NULL;
}

const char *
master_shortage_text(char *text, size_t room, const char *what, int err)
{
	const struct row *row = row_of(err);
	const char *cause = row != NULL && row->cause != NULL ? row->cause : strerror(err);

	snprintf(text, room, "cannot %s: %s%s%s", what, cause, row != NULL ? "; " : "",
	    row != NULL ? row->remedy : "");
	return text;
}
