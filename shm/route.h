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
 * n segments is looked up once in every shape of n segments; the candidates
 * found are compared in full, and the smallest declaration index wins. The
 * number of shapes depends on the style of an application, not on its size,
 * so the cost stays flat. Templates of other forms ("/files/{p:path}",
 * "/{a}-{b}", mounts) are filed in prefix shapes under their leading literal
 * segments.
 */
#ifndef SHM_ROUTE_H
#define SHM_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "shm/table.h"

enum { SHM_MAX_SEGMENTS = 64, SHM_MAX_PARAMS = 16 };

/* The first route in declaration order that fully matches method and path
 * (decoded, UTF-8, no root path). Sets *route, the captured parameters in the
 * template's order (slices of `path`) and their number. False when none does,
 * when the path holds a newline (Python's `$` has its own mind about those), or
 * when the comparison grows beyond a bound: the application then decides. */
bool shm_route_match(const struct shm_table *t, unsigned method, struct slice path,
    uint32_t *route, struct slice *params, unsigned *n_params);

/* Does one route's template match the path? As above, method aside. */
bool shm_route_template_match(const struct shm_table *t, const struct shm_route *route,
    struct slice path, struct slice *params, unsigned *n_params);

/* Hash of the literal segments that `literal` names; shared by the builder and
 * the look-up. */
uint64_t shm_route_hash(const struct slice *segments, unsigned n, uint64_t literal);

/* Split a path at '/' (the text before the first '/' is dropped: templates and
 * paths begin with one). Returns the number of segments, or 0 when the path
 * does not begin with '/' or has more than SHM_MAX_SEGMENTS. */
unsigned shm_route_split(struct slice path, struct slice segments[SHM_MAX_SEGMENTS]);

#endif
