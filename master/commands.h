/*
 * commands: routes, explain, -t: what only asks about an application.
 */
#ifndef MASTER_COMMANDS_H
#define MASTER_COMMANDS_H

#include "master/conf.h"

/* Become `python` with the command of `c`, which is not COMMAND_SERVE. Returns only when
 * that fails: the exit code, after one line with the cause. */
int master_command_exec(const struct master_conf *c, const char *python);

#endif
