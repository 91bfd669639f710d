/*
 * append: open a log file.
 */
#ifndef BASE_APPEND_H
#define BASE_APPEND_H

#include "base/attr.h"

/* A descriptor of the caller's for appending to the file at `path`, which is made when there is
 * none; -1 with errno set. Never waits for the reader of a named pipe, whose bytes the pipe keeps
 * until one comes. To make a file waits for its disk, to open one does not. */
int append_open(const char *path) MUST_CHECK;

#endif
