/*
 * arguments: the command line of a Python that fastrd starts or becomes.
 */
#ifndef MASTER_ARGUMENTS_H
#define MASTER_ARGUMENTS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/conf.h"

enum { ARGUMENTS_MAX = 24 + CONF_COUNT, ARGUMENTS_BYTES = 5 * PATH_MAX };

struct master_arguments {
	const char *argv[ARGUMENTS_MAX];	/* ends with NULL */
	int argc;
	char bytes[ARGUMENTS_BYTES];		/* texts of its own */
	size_t used;
	bool overflow;		/* something found no room; do not run this */
};

/* Begin with `python -P`: the application's modules hide none of ours. Where the package fastrapi is
 * installed beside this fastrd, with its launcher, too, to which -m and -c are as to Python. */
void master_arguments_init(struct master_arguments *a, const char *python);

/* One more argument, borrowed. */
void master_arguments_add(struct master_arguments *a, const char *text);

/* One more argument, printed. */
void master_arguments_addf(struct master_arguments *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Every setting that children read, NAME=VALUE, but for secrets. */
void master_arguments_settings(struct master_arguments *a, const struct conf *c);

/* Put the secrets into the environment of this process, which becomes a Python next: other users
 * can read every command line, but no environment. Allocates. 0, or -1 with errno set. */
int master_arguments_secrets(const struct conf *c) MUST_CHECK;

#endif
