/*
 * stderr: write to standard error, and never wait for who reads it.
 *
 * A pipe that nobody empties, a stopped terminal or a full socket would hold up a process
 * that writes in the ordinary way. The descriptor cannot be made non-blocking: it is
 * shared with other programs, and with the application's own output.
 */
#ifndef BASE_STDERR_H
#define BASE_STDERR_H

#include <stddef.h>

#include "base/attr.h"

/* Write all of it, at once where there is room: other processes do not interrupt it then, of a
 * pipe neither, which Linux holds for one writer until that would have to wait. How many bytes
 * are written: the others would have to wait, or cannot be written, and are lost. For any thread;
 * keeps nothing between calls, so descriptor 2 may change. */
size_t stderr_write(const char *bytes, size_t len) MUST_CHECK;

#endif
