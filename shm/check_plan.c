/*
 * check_plan: follows a plan's steps as the runner will.
 *
 * Called by shm/check.c. The runner (bindings/plan) uses slot, argument and object
 * numbers unchecked, and reads slots without asking whether they are filled. It may,
 * because this file has checked that every number is in range and that every slot is
 * filled by a step before the one that reads it. One case is left to the runner: a
 * validation by user code may have failed and left its slot empty (SLOT_DOUBTFUL). What
 * the objects are is checked by bindings/binding.c, which has them.
 */
#include "shm/check_plan.h"

#include <string.h>

#include "base/must.h"
#include "shm/bounds.h"

/* What the steps before have put into a slot. */
enum slot_kind {
	SLOT_EMPTY,
	SLOT_VALUE,		/* always a value */
	SLOT_RAW,		/* a value not validated yet, or none: it was absent */
	SLOT_DOUBTFUL,		/* a value, or none and an error in the run's list */
};

struct slots {
	uint32_t n;
	unsigned char kinds[SHM_MAX_SLOTS];
};

static enum slot_kind
slot_kind(const struct slots *slots, uint32_t slot)
{
	return slot < slots->n ? (enum slot_kind)slots->kinds[slot] : SLOT_EMPTY;
}

/* Is it an object? */
static bool
object_set(const struct shm_table *t, uint32_t object)
{
	return object < t->n_objects;
}

/* Is it an object, or SHM_NONE? */
static bool
object_ok(const struct shm_table *t, uint32_t object)
{
	return object == SHM_NONE || object < t->n_objects;
}

static bool
call_ok(const struct shm_table *t, const struct shm_step *s, const struct slots *slots)
{
	if (!shm_bounds_range(s->first, s->count, t->n_args) || !object_set(t, s->object) ||
	    !object_ok(t, s->object2))
		return false;
	for (uint32_t i = 0; i < s->count; i++) {
		enum slot_kind kind = slot_kind(slots, t->args[s->first + i]);

		if (kind != SLOT_VALUE && kind != SLOT_DOUBTFUL)
			return false;
	}
	return true;
}

static bool
reread_ok(const struct shm_table *t, const struct shm_step *s, const struct slots *slots)
{
	if (!shm_bounds_range(s->first, s->count, t->n_args) || !object_set(t, s->object) ||
	    !object_set(t, s->object2))
		return false;
	for (uint32_t i = 0; i < s->count; i++)
		if (t->args[s->first + i] >= slots->n)
			return false;
	return true;
}

/* Is the step's source a list of names and values? */
static bool
from_pairs(const struct shm_step *s)
{
	return s->source == SHM_SOURCE_QUERY || s->source == SHM_SOURCE_HEADER ||
	    s->source == SHM_SOURCE_COOKIE || s->source == SHM_SOURCE_FORM ||
	    s->source == SHM_SOURCE_FILE;
}

/* Is there what makes a sequence of files, where the step has any? */
static bool
file_ok(const struct shm_table *t, const struct shm_step *s)
{
	return s->source != SHM_SOURCE_FILE || object_ok(t, s->key);
}

static bool
param_ok(const struct shm_table *t, const struct shm_step *s, bool defaulted,
    uint32_t n_params)
{
	if (s->source == SHM_SOURCE_PATH)
		return s->key < n_params && s->count == 0;
	return defaulted && from_pairs(s) && file_ok(t, s);
}

/* Is everything there that the step's operation uses? */
static bool
members_ok(const struct shm_table *t, const struct shm_step *s, const struct slots *slots,
    uint32_t n_params)
{
	bool defaulted = (s->flags & (SHM_STEP_F_REQUIRED | SHM_STEP_F_RAW)) ||
	    object_set(t, s->object2);

	switch (s->op) {
	case SHM_STEP_PARAM:
		return param_ok(t, s, defaulted, n_params);
	case SHM_STEP_PARAM_MODEL:
		return defaulted && from_pairs(s);
	case SHM_STEP_PARAM_FIELD:
		return from_pairs(s) && object_set(t, s->object) && file_ok(t, s);
	case SHM_STEP_BODY_PARSE:
		return s->slot != SHM_NONE;
	case SHM_STEP_BODY_FIELD:
		return slot_kind(slots, s->first) == SLOT_RAW &&
		    object_set(t, s->key) && defaulted;
	case SHM_STEP_VALIDATE:
		return slot_kind(slots, s->first) == SLOT_RAW && defaulted;
	case SHM_STEP_FRESH:
		return object_set(t, s->object);
	case SHM_STEP_CALL:
	case SHM_STEP_ENDPOINT:
		return call_ok(t, s, slots);
	case SHM_STEP_ENTER:
		return object_set(t, s->key) && call_ok(t, s, slots);
	case SHM_STEP_REREAD:
		return reread_ok(t, s, slots);
	default:
		return true;
	}
}

/* May the step stand among the pure ones, or after them? */
static bool
side_ok(const struct shm_step *s, bool among_pure)
{
	bool impure = (s->flags & SHM_STEP_F_IMPURE) != 0;

	if (impure && s->op != SHM_STEP_VALIDATE)
		return false;
	return among_pure == (shm_plan_step_reads(s) && !impure);
}

static bool
args_doubtful(const struct shm_table *t, const struct shm_step *s, const struct slots *slots)
{
	for (uint32_t i = 0; i < s->count; i++)
		if (slot_kind(slots, t->args[s->first + i]) == SLOT_DOUBTFUL)
			return true;
	return false;
}

/* Note what the step leaves in its slots. False: a slot is out of bounds, or was
 * filled with another kind before. */
static bool
slot_fill(const struct shm_table *t, const struct shm_plan *p, const struct shm_step *s,
    struct slots *slots)
{
	enum slot_kind kind = SLOT_VALUE;

	if (s->op == SHM_STEP_REREAD) {
		for (uint32_t i = 0; i < s->count; i++)
			slots->kinds[t->args[s->first + i]] = SLOT_DOUBTFUL;
		return s->slot == SHM_NONE;
	}
	if (s->op == SHM_STEP_BODY_PARSE || (shm_plan_step_reads(s) && (s->flags & SHM_STEP_F_RAW)))
		kind = SLOT_RAW;
	else if ((s->flags & SHM_STEP_F_IMPURE) ||
	    ((s->op == SHM_STEP_CALL || s->op == SHM_STEP_ENTER) && args_doubtful(t, s, slots)))
		kind = SLOT_DOUBTFUL;
	if (s->slot == SHM_NONE || s->op == SHM_STEP_PARAM_FIELD || s->op == SHM_STEP_ALIAS ||
	    s->op == SHM_STEP_ENDPOINT)
		return true;
	if (s->slot >= p->n_slots || (slots->kinds[s->slot] != SLOT_EMPTY &&
	    slots->kinds[s->slot] != kind))
		return false;
	slots->kinds[s->slot] = kind;
	return true;
}

static const char *
step_check(const struct shm_table *t, const struct shm_plan *p, uint32_t i,
    struct slots *slots, uint32_t n_params)
{
	const struct shm_step *s = &t->steps[p->first_step + i];

	if (s->op >= SHM_STEP_OP_COUNT || s->source >= SHM_SOURCE_COUNT ||
	    (s->flags & ~SHM_STEP_F_ALL) != 0)
		return "a step's operation is unknown";
	if (!shm_bounds_text(t, s->name, s->name_len))
		return "a step's name is out of bounds";
	if (!object_ok(t, s->object) || !object_ok(t, s->object2))
		return "a step's object is out of bounds";
	if (!side_ok(s, i < p->n_pure))
		return "a step stands on the wrong side of the pure ones";
	if ((s->op == SHM_STEP_ENDPOINT) != (i == p->n_steps - 1))
		return "the endpoint is not the last step";
	if (!members_ok(t, s, slots, n_params))
		return "a step uses something that is not there";
	if (!slot_fill(t, p, s, slots))
		return "a step's slot is out of bounds, or of two kinds";
	if (s->op == SHM_STEP_ENTER && !(p->flags & SHM_PLAN_F_EXITS))
		return "a plan has exits that its flags do not announce";
	return NULL;
}

/* Every REREAD skips validations only, in a plan whose flags announce it. */
static const char *
rereads_check(const struct shm_plan *p, const struct shm_step *steps)
{
	for (uint32_t i = 0; i < p->n_steps; i++) {
		if (steps[i].op != SHM_STEP_REREAD)
			continue;
		if (!(p->flags & SHM_PLAN_F_REREADS) || !(p->flags & SHM_PLAN_F_SCOPE) ||
		    steps[i].key >= p->n_steps - i)
			return "a reread is wrong";
		for (uint32_t k = 1; k <= steps[i].key; k++)
			if (steps[i + k].op != SHM_STEP_VALIDATE)
				return "a reread is wrong";
	}
	return NULL;
}

/* May a step of that source stand behind `s`, as a field of it or another name? */
static bool
source_fits(const struct shm_step *s, const struct shm_step *behind)
{
	return behind->source == s->source ||
	    (s->source == SHM_SOURCE_FORM && behind->source == SHM_SOURCE_FILE);
}

/* How many ALIAS steps stand behind `s`, which has room for `room` steps behind it.
 * UINT32_MAX: not as it says, or they lack the object or the key that it has. */
static uint32_t
aliases_check(const struct shm_table *t, const struct shm_step *s, uint32_t room)
{
	if (s->count > room)
		return UINT32_MAX;
	for (uint32_t k = 1; k <= s->count; k++)
		if (s[k].op != SHM_STEP_ALIAS || s[k].source != s->source ||
		    (s->op == SHM_STEP_PARAM_FIELD && !object_set(t, s[k].object)) ||
		    (s->op == SHM_STEP_BODY_FIELD && !object_set(t, s[k].key)))
			return UINT32_MAX;
	return s->count;
}

/* Do the `count` steps behind the model belong to it? */
static bool
model_check(const struct shm_table *t, const struct shm_step *model)
{
	for (uint32_t k = 1; k <= model->count; k++) {
		const struct shm_step *s = &model[k];
		uint32_t names = 0;

		if (!source_fits(model, s))
			return false;
		if (s->op == SHM_STEP_PARAM_FIELD)
			names = aliases_check(t, s, model->count - k);
		else if (s->op != SHM_STEP_ALIAS || !object_set(t, s->object))
			return false;
		if (names == UINT32_MAX)
			return false;
		k += names;
	}
	return true;
}

/* Behind each parameter model stand its fields, behind each value its other names, and there
 * are no others. */
static const char *
fields_check(const struct shm_table *t, const struct shm_step *steps, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t behind = 0;

		if (steps[i].op == SHM_STEP_PARAM || steps[i].op == SHM_STEP_BODY_FIELD)
			behind = aliases_check(t, &steps[i], n - i - 1);
		else if (steps[i].op == SHM_STEP_PARAM_MODEL)
			behind = steps[i].count;
		if (steps[i].op == SHM_STEP_PARAM_FIELD || steps[i].op == SHM_STEP_ALIAS ||
		    behind >= n - i ||
		    (steps[i].op == SHM_STEP_PARAM_MODEL && !model_check(t, &steps[i])))
			return "a step's fields or names are wrong";
		i += behind;
	}
	return NULL;
}

static const char *
response_check(const struct shm_table *t, const struct shm_plan *p)
{
	if ((p->flags & ~(uint32_t)SHM_PLAN_F_ALL) != 0 ||
	    p->response_mode >= SHM_RESPONSE_MODE_COUNT || p->status > 999)
		return "a plan's fields are wrong";
	if (!object_set(t, p->helper))
		return "a plan's helper is out of bounds";
	if (!object_ok(t, p->response_validator) || !object_ok(t, p->response_serializer) ||
	    !object_ok(t, p->response_kwargs) || !object_ok(t, p->response_values) ||
	    !object_ok(t, p->response_shape))
		return "a plan's response objects are out of bounds";
	if (p->response_mode == SHM_RESPONSE_MODEL_JSON &&
	    (p->response_validator == SHM_NONE || p->response_serializer == SHM_NONE ||
	    p->response_kwargs == SHM_NONE || p->response_values == SHM_NONE))
		return "a plan's response objects are missing";
	return NULL;
}

const char *
shm_check_plan(const struct shm_table *t, const struct shm_plan *p, uint32_t n_params)
{
	struct slots slots;
	const char *why;

	must(n_params <= SHM_MAX_PARAMS);
	if (!shm_bounds_range(p->first_step, p->n_steps, t->n_steps) || p->n_steps == 0 ||
	    p->n_pure > p->n_steps || p->n_slots > SHM_MAX_SLOTS)
		return "a plan's steps are out of bounds";
	why = response_check(t, p);
	slots.n = p->n_slots;
	memset(slots.kinds, SLOT_EMPTY, p->n_slots);
	for (uint32_t i = 0; why == NULL && i < p->n_steps; i++)
		why = step_check(t, p, i, &slots, n_params);
	if (why == NULL)
		why = rereads_check(p, t->steps + p->first_step);
	return why != NULL ? why : fields_check(t, t->steps + p->first_step, p->n_steps);
}
