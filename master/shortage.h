/*
 * shortage: what to do when there is no more of something.
 */
#ifndef MASTER_SHORTAGE_H
#define MASTER_SHORTAGE_H

#include <stdbool.h>
#include <stddef.h>

/* Used like an errno, of which Linux has none above 4095: the master's own table of children is
 * full; there is no Python that root may run. */
enum { MASTER_SHORTAGE_CHILDREN = 4096, MASTER_SHORTAGE_PYTHON };

/* Is it a resource limit (not a wrong request)? */
bool master_shortage(int err);

/* "cannot WHAT: CAUSE; REMEDY", without the remedy when `err` is no shortage, cut to
 * `room` bytes with NUL. Returns `text`. Safe between fork and exec here, because
 * the master has one thread. */
const char *master_shortage_text(char *text, size_t room, const char *what, int err);

#endif
