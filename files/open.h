/*
 * open: an open file, as long as pieces of it are to be sent.
 */
#ifndef FILES_OPEN_H
#define FILES_OPEN_H

#include <sys/stat.h>

#include "base/attr.h"
#include "http/exchange.h"

/* How files are opened: nothing here may wait, or become the controlling terminal. */
#define FILES_OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

/* The hx_file of a descriptor, which it owns, with one reference. NULL when out of memory: the
 * descriptor is still the caller's. */
struct hx_file *files_open_new(int fd, const struct stat *st) MUST_CHECK;

/* One more reference. */
void files_open_hold(struct hx_file *file);

/* Drop one; the last one closes the file. For hx_piece.release. */
void files_open_release(void *file);

#endif
