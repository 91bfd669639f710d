/*
 * named: what a source of a request has under a name.
 *
 * The pairs of a query, of cookies and of a form, and the header fields, looked at in one
 * way. A step may have several names: ALIAS steps behind it, of which the first counts that
 * the request has.
 */
#ifndef BINDINGS_PLAN_NAMED_H
#define BINDINGS_PLAN_NAMED_H

#include "base/attr.h"
#include "bindings/plan/source.h"
#include "shm/plan.h"
#include "shm/table.h"

/* What the steps of one plan need: the table's strings and the objects its
 * indexes mean. */
struct pyb_objects {
	const struct shm_table *table;
	PyObject *const *all;
};

/* Either header fields, in place, or decoded pairs. */
struct pyb_named {
	const struct pyb_pair *pairs;
	const struct hx_header *headers;
	size_t n;
};

/* The pairs of a source (SHM_SOURCE_..., but PATH and BODY). 0; -1 when they cannot be read
 * (no exception is set). */
int pyb_named_open(struct pyb_source *src, unsigned source, struct pyb_named *s) MUST_CHECK;

struct pyb_pair pyb_named_at(const struct pyb_named *s, size_t i);

/* Has any pair this name? */
bool pyb_named_has(const struct pyb_named *s, struct slice name);

/* A step's name. */
struct slice pyb_named_name(const struct pyb_objects *o, const struct shm_step *step);

/* Which name of a PARAM or PARAM_FIELD counts: the first that the source has (in a form: has
 * a value under), the step's own being 0. 0 when it has none of them. */
uint32_t pyb_named_pick(const struct pyb_objects *o, const struct shm_step *step,
    const struct pyb_named *s);

/* The raw value of a PARAM or PARAM_FIELD under its name of that number into *out, new
 * reference. 0, with *out NULL when the value is absent; -1 with an exception set. */
int pyb_named_take(const struct pyb_objects *o, const struct shm_step *step, uint32_t number,
    const struct pyb_named *s, PyObject **out) MUST_CHECK;

/* A str of `s`, in the encoding of the source: UTF-8, but latin-1 for headers and
 * cookies. New reference; NULL with an exception set. */
PyObject *pyb_named_text(unsigned source, struct slice s) MUST_CHECK;

/* A pair's value: a str, or what was uploaded, which FILE takes as bytes. NULL with an
 * exception set: where its content is, only FastAPI knows, or there is no memory. */
PyObject *pyb_named_value(unsigned source, const struct pyb_pair *pair) MUST_CHECK;

#endif
