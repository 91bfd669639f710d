/*
 * check_plan: is this plan one that can be run?
 */
#ifndef SHM_CHECK_PLAN_H
#define SHM_CHECK_PLAN_H

#include <stdint.h>

#include "base/attr.h"
#include "shm/table.h"

/* Check every record of a plan, for a route with `n_params` path parameters.
 * NULL, or why the plan is refused (static text). */
const char *shm_check_plan(const struct shm_table *t, const struct shm_plan *p,
    uint32_t n_params) MUST_CHECK;

#endif
