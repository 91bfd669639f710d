/*
 * file: the settings of a file.
 */
#ifndef MASTER_FILE_H
#define MASTER_FILE_H

#include <limits.h>
#include <stdbool.h>

#include "base/attr.h"

struct master_complaints;
struct master_conf;

/* The file to read: --config, else a pyproject.toml that speaks of fastrd, where the application
 * is or in the current directory. False: there is none. */
bool master_file_find(const struct master_conf *c, char path[PATH_MAX]) MUST_CHECK;

/* Read it, if there is one, and settle `c` once more. Every mistake goes `to`. 0; -1: there was one. */
int master_file_read(struct master_conf *c, const char *python, const struct master_complaints *to)
    MUST_CHECK;

/* Set `c` from the helper's answer, which is changed, and keep what is needed of it. Every
 * mistake goes `to`. 0; -1: there was one. */
int master_file_take(struct master_conf *c, char *answer, const struct master_complaints *to)
    MUST_CHECK;

/* When all has been read: the application that a file names is imported from its directory. */
void master_file_settle(struct master_conf *c);

#endif
