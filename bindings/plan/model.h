/*
 * model: parameter models, whose fields are parameters of their own.
 */
#ifndef BINDINGS_PLAN_MODEL_H
#define BINDINGS_PLAN_MODEL_H

#include "base/attr.h"
#include "bindings/plan/params.h"

/* Run one PARAM_MODEL step; `step[1 .. step->count]` are its PARAM_FIELD and ALIAS steps. */
enum pyb_param_verdict pyb_model_take(struct pyb_module_state *st, const struct pyb_objects *o,
    const struct shm_step *step, struct pyb_source *src, PyObject **out) MUST_CHECK;

#endif
