/*
 * glob: which files count, by their names.
 */
#ifndef MASTER_GLOB_H
#define MASTER_GLOB_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct conf;

/* Does a change of this file, a whole path, count? Its first `root` bytes are the directory that is
 * watched with all below, whose own parts are no matter. By the globs of `c`, as uvicorn has them: *.py
 * and --reload-include, but for .*, .py[cod], .sw.*, ~* and --reload-exclude. What ends with an
 * included text, as .env does, counts whatever is excluded. No system call. */
bool master_glob_file(const struct conf *c, const char *path, size_t root) MUST_CHECK;

/* Is this directory, in the same way, one that nobody watches? One that is hidden or holds what tools
 * make (__pycache__, node_modules), or that --reload-exclude names. No system call. */
bool master_glob_skips(const struct conf *c, const char *path, size_t root) MUST_CHECK;

#endif
