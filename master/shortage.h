/*
 * shortage: what to do when the system refuses to give more.
 */
#ifndef MASTER_SHORTAGE_H
#define MASTER_SHORTAGE_H

#include <stdbool.h>
#include <stddef.h>

/* Is this errno a limit that was reached, and no mistake in what was asked for? */
bool master_shortage(int err);

/* "cannot WHAT: CAUSE; REMEDY", without the remedy when `err` is no shortage.
 * Returns `text`. Safe between fork and exec. */
const char *master_shortage_text(char *text, size_t room, const char *what, int err);

#endif
