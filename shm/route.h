/*
 * route: from a path to the route that Starlette would choose.
 *
 * Starlette tries every route in declaration order and takes the first whose
 * regular expression and methods fit. Here each template is filed under its
 * shape, that is how many segments it has and which of them are literal:
 *
 *	/items/{id}        two segments, literal: 1st        shape (2, 01)
 *	/items/new         two segments, literal: both       shape (2, 11)
 *	/{a}/new           two segments, literal: 2nd        shape (2, 10)
 *
 * and within the shape hashed by the text of its literal segments. A path with
 * n segments is looked up once in every shape of n segments, and once in every
 * prefix shape (templates that may match any number of segments). The candidates
 * found are compared in full; the one declared first wins. The number of shapes
 * depends on the style of an application, not on its size, so the cost stays flat.
 */
#ifndef SHM_ROUTE_H
#define SHM_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"
#include "shm/table.h"
#include "shm/template.h"

/* Longer paths are left to the application. The limit is below 4300 digits, from
 * which Python's int() refuses what the convertor `int` has matched. */
enum { SHM_MAX_PATH = 4096 };

/* Find the first route in declaration order that fully matches method (its number
 * in shm/method) and path (decoded, UTF-8, without the root path). Sets *route, the
 * parameters' texts in the template's order (slices of `path`, room for
 * SHM_MAX_PARAMS) and their number. A barrier matches every path, with no
 * parameters.
 * False when no route matches. False too when the application itself has to
 * decide: the method has no number of its own, the path holds a newline (Python's
 * `$` also matches in front of the last one), is too long, or fits a template in
 * too many ways (SHM_UNSURE). *route is then SHM_NONE and *n_params 0. */
bool shm_route_match(const struct shm_table *t, unsigned method, struct slice path,
    uint32_t *route, struct slice *params, unsigned *n_params);

/* Find the first route in declaration order that matches the path, whatever its methods; one that
 * takes handshakes of WebSockets only is none.
 * SHM_YES: it is *route. SHM_UNSURE: the application has to decide, as above. */
enum shm_verdict shm_route_match_path(const struct shm_table *t, struct slice path,
    uint32_t *route) MUST_CHECK;

#endif
