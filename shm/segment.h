/*
 * segment: anonymous shared memory that cannot change under its readers.
 *
 * The master creates a memfd; the loader writes it with pwrite(2) and never
 * maps it (F_SEAL_WRITE fails while a writable mapping exists); the master
 * seals it and hands out read-only descriptors.
 */
#ifndef SHM_SEGMENT_H
#define SHM_SEGMENT_H

#include <stddef.h>
#include <stdint.h>

/* A new empty memfd that can be sealed, close-on-exec. -1 with errno. */
int shm_segment_create(const char *name);

/* Write all bytes from offset 0. 0, or -1 with errno. May block on nothing. */
int shm_segment_write(int fd, const void *bytes, size_t size);

/* Forbid every further change (WRITE, SHRINK, GROW, SEAL) and check that the
 * kernel did. 0, or -1 with errno. */
int shm_segment_seal(int fd);

/* A second, read-only descriptor of the same memory. -1 with errno. */
int shm_segment_reopen(int fd);

/* Map a sealed segment read-only. NULL with errno; EPERM when a seal is
 * missing, because the bytes could change after they were checked. */
void *shm_segment_map(int fd, size_t *size);

/* Size in bytes; -1 with errno. */
int64_t shm_segment_size(int fd);

#endif
