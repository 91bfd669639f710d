/*
 * conf: what the operator wants, from flags and environment.
 */
#ifndef MASTER_CONF_H
#define MASTER_CONF_H

#include "base/attr.h"
#include "base/conf.h"

enum master_command { COMMAND_SERVE, COMMAND_ROUTES, COMMAND_EXPLAIN, COMMAND_TEST };

struct master_conf {
	enum master_command command;
	const char *program;		/* how fastrd was called */
	const char *app;		/* as typed; "": to be looked for */
	const char *explain[2];		/* METHOD, PATH */
	struct conf values;		/* texts are borrowed from argv and environment */
};

/* Fill `c` from defaults, FASTRD_* (and PORT, WEB_CONCURRENCY) and the flags, the
 * later winning. 0; -1 when something is wrong (one line each with cause and
 * remedy was printed); 1 when help or the version was asked for and printed. */
int master_conf_read(struct master_conf *c, int argc, char **argv) MUST_CHECK;

#endif
