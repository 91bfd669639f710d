/*
 * route: from a path to the route that Starlette would choose.
 *
 * Starlette tries every route in declaration order and takes the first whose
 * regular expression and methods fit. Here each template is filed under its
 * shape: how many segments it has and which of them are literal, e.g.
 *
 *	/items/{id}        two segments, literal: 1st        shape (2, 01)
 *	/items/new         two segments, literal: both       shape (2, 11)
 *	/{a}/new           two segments, literal: 2nd        shape (2, 10)
 *
 * and within the shape hashed by the text of its literal segments. A path with
 * n segments is looked up once in every shape of n segments and in the prefix
 * shapes (templates that may match any number of segments); the candidates
 * found are compared in full, and the smallest declaration index wins. The
 * number of shapes depends on the style of an application, not on its size,
 * so the cost stays flat.
 */
#ifndef SHM_ROUTE_H
#define SHM_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "shm/table.h"

/* Longer paths are left to the application. Below 4300 digits, where Python's
 * int() refuses what the convertor `int` has matched. */
enum { SHM_MAX_PATH = 4096 };

/* The first route in declaration order that fully matches method and path
 * (decoded, UTF-8, no root path). Sets *route, the captured parameters in the
 * template's order (slices of `path`, room for SHM_MAX_PARAMS) and their
 * number; a barrier matches anything with no parameters. False when none does,
 * or when the path is one the application must decide about itself: with a
 * newline (Python's `$` has its own mind about those), too long, or with too
 * many ways to read it. Then *route is SHM_NONE and *n_params 0. */
bool shm_route_match(const struct shm_table *t, unsigned method, struct slice path,
    uint32_t *route, struct slice *params, unsigned *n_params);

#endif
