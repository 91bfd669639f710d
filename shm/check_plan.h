/*
 * check_plan: verifies one plan of a table, and what both halves of the check
 * need.
 */
#ifndef SHM_CHECK_PLAN_H
#define SHM_CHECK_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/table.h"

/* Every record of a plan, for a route with n_params path parameters. NULL, or
 * why not (static text). */
const char *shm_check_plan(const struct shm_table *t, const struct shm_plan *p,
    uint32_t n_params);

/* Does the string section hold these bytes, and a NUL behind them? */
bool shm_check_text(const struct shm_table *t, uint32_t offset, uint32_t len);

/* Is [first, first + n) within `count` records? */
bool shm_check_range(uint32_t first, uint32_t n, uint32_t count);

#endif
