/*
 * access: what the settings want of the access log.
 */
#ifndef BASE_ACCESS_H
#define BASE_ACCESS_H

#include <stdbool.h>

#include "base/conf.h"

/* The file; "": standard output, which has the name `-` as well. */
const char *access_file(const struct conf *c);

/* Is there to be one? Without a word of the settings it is where a file is named, and where
 * somebody would see it, `shown`, unless --log-level leaves out what is as ordinary as a request. */
bool access_wanted(const struct conf *c, bool shown);

/* How its lines look, as atoms_read() takes it. */
const char *access_format(const struct conf *c);

#endif
