/*
 * check: is this really a route table?
 *
 * A table comes from another process. When both checks below have passed, every
 * index in the table is in range: matching and running plans need no further test.
 */
#ifndef SHM_CHECK_H
#define SHM_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct shm_table;

/* Check the header, the checksum and the bounds of the sections. NULL, or why the
 * bytes are refused (static text). */
const char *shm_check_frame(const void *bytes, size_t size) MUST_CHECK;

/* Check every record. `t` has its pointers and counts. NULL, or why not. */
const char *shm_check_records(const struct shm_table *t) MUST_CHECK;

/* CRC-32 of a table of at least a header, with the field itself taken as zero. */
uint32_t shm_check_crc(const void *bytes, size_t size);

#endif
