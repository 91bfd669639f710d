/*
 * segment: anonymous shared memory that cannot change under its readers.
 *
 * The master creates a memfd. The worker that loads the application writes it with pwrite(2) and never maps
 * it: F_SEAL_WRITE fails while a writable mapping exists. The master seals it and
 * hands out read-only descriptors.
 */
#ifndef SHM_SEGMENT_H
#define SHM_SEGMENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/* A new empty memfd that can be sealed, close-on-exec, the caller's. -1 with errno. */
int shm_segment_create(const char *name) MUST_CHECK;

/* Make the segment hold exactly these bytes. 0, or -1 with errno. Never blocks. */
int shm_segment_write(int fd, const void *bytes, size_t size) MUST_CHECK;

/* Forbid every further change (WRITE, SHRINK, GROW, SEAL) and check that the
 * kernel did. 0, or -1 with errno: EBUSY while somebody has it mapped writable. */
int shm_segment_seal(int fd) MUST_CHECK;

/* A second, read-only descriptor of the same memory, close-on-exec, the caller's.
 * -1 with errno. */
int shm_segment_reopen(int fd) MUST_CHECK;

/* Map a sealed segment read-only; the caller unmaps *size bytes. NULL with errno:
 * EPERM when a seal is missing, because the bytes could change after they were
 * checked. */
void *shm_segment_map(int fd, size_t *size) MUST_CHECK;

/* Size in bytes; -1 with errno. */
int64_t shm_segment_size(int fd) MUST_CHECK;

#endif
