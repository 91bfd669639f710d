/*
 * template: does a path fit a route's template, and what are its parameters?
 *
 * The answer is that of Python's `re` on the expression that Starlette makes of
 * the template (starlette.routing.compile_path): greedy, and with the same groups
 * where a segment holds several parameters.
 */
#ifndef SHM_TEMPLATE_H
#define SHM_TEMPLATE_H

#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"
#include "shm/layout.h"

enum shm_verdict {
	SHM_NO,
	SHM_YES,
	SHM_UNSURE,	/* too many attempts needed: the application has to decide */
};

/* Compare `path` (valid UTF-8, no newline) with the parts of a template, whose
 * texts are offsets into `strings`. n_parts is at most SHM_MAX_PARTS, and at most
 * SHM_MAX_PARAMS of the parts are parameters (shm/check sees to both). SHM_YES:
 * params[i] is what the template's i-th parameter took, a slice of `path`, and
 * *n_params their number. */
enum shm_verdict shm_template_match(const struct shm_part *parts, uint32_t n_parts,
    const char *strings, struct slice path, struct slice *params, unsigned *n_params)
    MUST_CHECK;

#endif
