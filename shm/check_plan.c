/*
 * check_plan: is this plan one that can be run?
 *
 * Called by check.c. The runner indexes slots, arguments and objects without a
 * test and hands every argument's slot on without looking whether it is empty;
 * what makes that right is shown here.
 */
#include "shm/check_plan.h"

#include <string.h>

/* Which slots a step before has filled. */
struct slots {
	uint64_t values[SHM_MAX_SLOTS / 64];	/* with a value, always */
	uint64_t parsed[SHM_MAX_SLOTS / 64];	/* with parsed content, or empty */
};

bool
shm_check_text(const struct shm_table *t, uint32_t offset, uint32_t len)
{
	return offset < t->n_strings && len < t->n_strings - offset &&
	    t->strings[offset + len] == '\0';
}

bool
shm_check_range(uint32_t first, uint32_t n, uint32_t count)
{
	return first <= count && n <= count - first;
}

static bool
bit_get(const uint64_t *bits, uint32_t slot)
{
	return slot < SHM_MAX_SLOTS && ((bits[slot / 64] >> (slot % 64)) & 1);
}

static void
bit_set(uint64_t *bits, uint32_t slot)
{
	bits[slot / 64] |= UINT64_C(1) << (slot % 64);
}

/* An object that must be there, and one that may be. */
static bool
object_set(const struct shm_table *t, uint32_t object)
{
	return object < t->n_objects;
}

static bool
object_ok(const struct shm_table *t, uint32_t object)
{
	return object == SHM_NONE || object < t->n_objects;
}

static bool
call_ok(const struct shm_table *t, const struct shm_step *s, const struct slots *slots)
{
	if (!shm_check_range(s->first, s->count, t->n_args) || !object_set(t, s->object) ||
	    (s->count > 0 && !object_set(t, s->object2)))
		return false;
	for (uint32_t i = 0; i < s->count; i++)
		if (!bit_get(slots->values, t->args[s->first + i]))
			return false;
	return true;
}

static bool
from_pairs(const struct shm_step *s)
{
	return s->source >= SHM_SOURCE_QUERY && s->source <= SHM_SOURCE_COOKIE;
}

static bool
param_ok(const struct shm_table *t, const struct shm_step *s, bool defaulted, uint32_t n_params)
{
	if (s->source == SHM_SOURCE_PATH)
		return s->key < n_params;
	return defaulted && from_pairs(s) && object_ok(t, s->key);
}

/* The members of a step that its operation uses. */
static bool
members_ok(const struct shm_table *t, const struct shm_step *s, const struct slots *slots,
    uint32_t n_params)
{
	bool defaulted = (s->flags & SHM_STEP_F_REQUIRED) || object_set(t, s->object2);

	switch (s->op) {
	case SHM_STEP_PARAM:
		return param_ok(t, s, defaulted, n_params);
	case SHM_STEP_PARAM_MODEL:
		return defaulted && from_pairs(s) && object_set(t, s->object);
	case SHM_STEP_PARAM_FIELD:
		return from_pairs(s) && object_set(t, s->object);
	case SHM_STEP_BODY_PARSE:
		return s->slot != SHM_NONE;
	case SHM_STEP_BODY_FIELD:
		return bit_get(slots->parsed, s->first) && object_set(t, s->key) && defaulted;
	case SHM_STEP_BODY_WHOLE:
		return bit_get(slots->parsed, s->first) && defaulted;
	case SHM_STEP_FRESH:
		return object_set(t, s->object);
	case SHM_STEP_CALL:
	case SHM_STEP_ENDPOINT:
		return call_ok(t, s, slots);
	default:
		return true;
	}
}

/* Does a step run user code, or need what only comes with it? */
static bool
pure(const struct shm_step *s)
{
	return s->op <= SHM_STEP_BODY_FIELD && !(s->flags & SHM_STEP_F_IMPURE);
}

/* What the step leaves behind. A slot is of one kind or the other, never both:
 * the parsed content may be absent. */
static bool
slot_fill(const struct shm_plan *p, const struct shm_step *s, struct slots *slots)
{
	if (s->slot == SHM_NONE || s->op == SHM_STEP_PARAM_FIELD || s->op == SHM_STEP_ENDPOINT)
		return true;
	if (s->slot >= p->n_slots)
		return false;
	bit_set(s->op == SHM_STEP_BODY_PARSE ? slots->parsed : slots->values, s->slot);
	return !bit_get(slots->parsed, s->slot) || !bit_get(slots->values, s->slot);
}

static const char *
step_check(const struct shm_table *t, const struct shm_plan *p, uint32_t i,
    struct slots *slots, uint32_t n_params)
{
	const struct shm_step *s = &t->steps[p->first_step + i];

	if (s->op >= SHM_STEP_OP_COUNT || s->source >= SHM_SOURCE_COUNT ||
	    (s->flags & ~SHM_STEP_F_ALL) != 0)
		return "a step's operation is unknown";
	if (!shm_check_text(t, s->name, s->name_len))
		return "a step's name is out of bounds";
	if (!object_ok(t, s->object) || !object_ok(t, s->object2))
		return "a step's object is out of bounds";
	if (i < p->n_pure ? !pure(s) : s->op == SHM_STEP_BODY_PARSE)
		return "a step stands on the wrong side of the pure ones";
	if ((s->op == SHM_STEP_ENDPOINT) != (i == p->n_steps - 1))
		return "the endpoint is not the last step";
	if (!members_ok(t, s, slots, n_params))
		return "a step uses something that is not there";
	if (!slot_fill(p, s, slots))
		return "a step's slot is out of bounds, or of two kinds";
	return NULL;
}

/* Parameter models are followed by exactly their fields. */
static const char *
fields_check(const struct shm_step *steps, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t fields = steps[i].op == SHM_STEP_PARAM_MODEL ? steps[i].count : 0;

		if (steps[i].op == SHM_STEP_PARAM_FIELD || fields >= n - i)
			return "a parameter model's fields are wrong";
		for (uint32_t k = 1; k <= fields; k++)
			if (steps[i + k].op != SHM_STEP_PARAM_FIELD ||
			    steps[i + k].source != steps[i].source)
				return "a parameter model's fields are wrong";
		i += fields;
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
	    !object_ok(t, p->response_kwargs) || !object_ok(t, p->response_values))
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

	if (!shm_check_range(p->first_step, p->n_steps, t->n_steps) || p->n_steps == 0 ||
	    p->n_pure > p->n_steps || p->n_slots > SHM_MAX_SLOTS)
		return "a plan's steps are out of bounds";
	why = response_check(t, p);
	memset(&slots, 0, sizeof(slots));
	for (uint32_t i = 0; why == NULL && i < p->n_steps; i++)
		why = step_check(t, p, i, &slots, n_params);
	return why != NULL ? why : fields_check(t->steps + p->first_step, p->n_steps);
}
