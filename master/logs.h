/*
 * logs: the files that the settings name for the log and the access log.
 */
#ifndef MASTER_LOGS_H
#define MASTER_LOGS_H

#include <limits.h>

#include "base/attr.h"

struct conf;
struct master;
struct master_conf;

enum { MASTER_LOGS_WHY_BYTES = PATH_MAX + 256 };

/* Look at what the settings say of logs, whose paths are made absolute: an application may go to
 * another directory. 0, or -1 with what is wrong in `why`. */
int master_logs_check(struct master_conf *c, char why[MASTER_LOGS_WHY_BYTES]) MUST_CHECK;

/* Where the log goes to a file, or another does whose path was given, start who writes it; children
 * then have m->log_fd as standard error. 0, or the exit code after one line. */
int master_logs_open(struct master *m) MUST_CHECK;

/* The master's own log goes to its file from now on: what was to be said to whoever has
 * started it has been said. */
void master_logs_begin(const struct master *m);

/* The log has the level and the form of these settings from now on. */
void master_logs_follow(struct master *m, const struct conf *values);

/* The files were rotated, says `by`: open them again, here and in the workers. */
void master_logs_reopen(struct master *m, const char *by);

#endif
