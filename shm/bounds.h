/*
 * bounds: is what a record names inside the table?
 *
 * For shm/check.c and shm/check_plan.c. The operands may have any value: nothing
 * here can wrap.
 */
#ifndef SHM_BOUNDS_H
#define SHM_BOUNDS_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/table.h"

/* Is [first, first + n) within `count` records? */
static inline bool
shm_bounds_range(uint32_t first, uint32_t n, uint32_t count)
{
	return first <= count && n <= count - first;
}

/* Does the string section hold `len` bytes at `offset`, and a NUL behind them? */
static inline bool
shm_bounds_text(const struct shm_table *t, uint32_t offset, uint32_t len)
{
	return offset < t->n_strings && len < t->n_strings - offset &&
	    t->strings[offset + len] == '\0';
}

#endif
