/*
 * flags: one flag of the command line and its value.
 */
#ifndef MASTER_FLAGS_H
#define MASTER_FLAGS_H

#include <stdbool.h>

#include "base/attr.h"

struct master_conf;

struct master_flag {
	int took;	/* arguments that it is: 1, or 2 with its value */
	bool wrong;	/* one line was printed */
};

/* Set `c` from `arg`, which begins with a dash, and from `next`, NULL at the end of the
 * command line. Texts are borrowed. */
struct master_flag master_flag_read(struct master_conf *c, const char *arg, const char *next)
    MUST_CHECK;

#endif
