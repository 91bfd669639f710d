/*
 * server: where it is, and what it answers.
 */
#ifndef CTL_SERVER_H
#define CTL_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

/* How fastrdctl exits. */
enum {
	CTL_EXIT_OK = 0,
	CTL_EXIT_FAILED = 1,	/* what was asked has failed */
	CTL_EXIT_USAGE = 2,
	CTL_EXIT_NO_SERVER = 3
};

/* The path of the socket: that of the flag, of the environment, or where one is as a rule. NULL after one
 * line: there is none. */
const char *ctl_server_find(const char *flag) MUST_CHECK;

/* Ask it for `line`, which ends with a line break. Without `waits` it has ten seconds. 0, with the
 * answer, from malloc(); or the exit code after one line. */
int ctl_server_ask(const char *path, const char *line, bool waits, char **answer, size_t *len) MUST_CHECK;

#endif
