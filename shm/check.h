/*
 * check: is this really a route table?
 *
 * A table comes from another process. After these two checks every index in it
 * is in range, so that matching and running plans need no further test.
 */
#ifndef SHM_CHECK_H
#define SHM_CHECK_H

#include <stddef.h>
#include <stdint.h>

struct shm_table;

/* Header, checksum and the bounds of the sections. NULL, or why not. */
const char *shm_check_frame(const void *bytes, size_t size);

/* Every record. `t` has its pointers and counts. NULL, or why not. */
const char *shm_check_records(const struct shm_table *t);

/* CRC-32 of a table with the field itself taken as zero. */
uint32_t shm_check_crc(const void *bytes, size_t size);

#endif
