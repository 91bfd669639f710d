/*
 * params: the parameter steps of a plan.
 *
 * Each step takes text from the source, makes the Python value that FastAPI would make
 * of it and calls the validator that FastAPI would call. A verdict other than OK means
 * that the application itself must answer.
 */
#ifndef BINDINGS_PLAN_PARAMS_H
#define BINDINGS_PLAN_PARAMS_H

#include "base/attr.h"
#include "bindings/module_state.h"
#include "bindings/plan/named.h"
#include "bindings/plan/source.h"
#include "shm/plan.h"

enum pyb_param_verdict {
	PYB_PARAM_OK,		/* *out holds the value, new reference; NULL: RAW and absent */
	PYB_PARAM_MISSING,	/* required and absent */
	PYB_PARAM_INVALID,	/* the validator raised; its exception is set */
	PYB_PARAM_RAISED,	/* making the default raised; its exception is set */
	PYB_PARAM_ODD,		/* cannot be decided here; no exception is set */
	PYB_PARAM_BROKEN	/* the content is no JSON for the plan's parser; the same */
};

/* Run one PARAM step. */
enum pyb_param_verdict pyb_param_take(struct pyb_module_state *st, const struct pyb_objects *o,
    const struct shm_step *step, struct pyb_source *src, PyObject **out) MUST_CHECK;

/* Which of the names of a PARAM step its value is under: 0 is the step's own (also when the
 * value is absent), 1 that of the first ALIAS step behind it, and so on. */
uint32_t pyb_param_name(const struct pyb_objects *o, const struct shm_step *step,
    struct pyb_source *src);

/* Validate `raw` (stolen) with the step's validator, if it has one. */
enum pyb_param_verdict pyb_param_validated(struct pyb_module_state *st,
    const struct pyb_objects *o, const struct shm_step *step, PyObject *raw,
    PyObject **out) MUST_CHECK;

/* validator(value, from_attributes=True): new reference, NULL with the
 * exception set. */
PyObject *pyb_param_validate(struct pyb_module_state *st, PyObject *validator,
    PyObject *value) MUST_CHECK;

/* The default of an absent value as _validate_value_with_model_field gives it
 * (deepcopy per request, validated only when asked). */
enum pyb_param_verdict pyb_param_default(struct pyb_module_state *st,
    const struct pyb_objects *o, const struct shm_step *step, PyObject **out) MUST_CHECK;

#endif
