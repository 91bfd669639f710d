/*
 * read: the steps before any user code.
 *
 * Called by alone.c, form.c, nested.c and stack/ before user code runs, and by call.c for a
 * validator that is user code. What is missing or invalid is noted, for FastAPI's own
 * functions to make its errors of. Any other fault, or a handler of the user's for these
 * errors, makes the request a replay: the application itself gets the untouched request and
 * finds the same fault in its own way. Therefore this file must never write an error of
 * FastAPI's.
 */
#include "bindings/plan/read.h"

#include "base/must.h"
#include "bindings/compat.h"
#include "bindings/content.h"
#include "bindings/plan/model.h"
#include "http/content_type.h"

/* The part of the binding that parameter steps need. */
static struct pyb_objects
objects_of(const struct pyb_run *r)
{
	return (struct pyb_objects){
		&r->binding->table, &PyTuple_GET_ITEM(r->binding->objects, 0)
	};
}

/* The content as bytes, made on first use. A run that stands alone takes it from the
 * exchange; a nested run has awaited it before. Borrowed; NULL with an exception set. */
static PyObject *
body_bytes(struct pyb_run *r)
{
	if (r->body == NULL && r->x != NULL)
		r->body = pyb_content_bytes(r->x);
	return r->body;
}

static enum pyb_param_verdict
body_parse(struct pyb_run *r, PyObject **out)
{
	PyObject *bytes = body_bytes(r);
	struct slice type;

	*out = NULL;
	if (bytes == NULL) {
		PyErr_Clear();
		return PYB_PARAM_ODD;
	}
	if (PyBytes_GET_SIZE(bytes) == 0)
		return PYB_PARAM_OK;	/* undefined: the slot stays empty */
	type = pyb_source_content_type(&r->source);
	if (!hx_content_type_json(type) && (type.len > 0 || !(r->plan->flags & SHM_PLAN_F_LAX)))
		return PYB_PARAM_ODD;
	*out = PyObject_CallOneArg(r->app->st->from_json, bytes);
	if (*out == NULL) {
		PyErr_Clear();
		return PYB_PARAM_BROKEN;
	}
	return PYB_PARAM_OK;
}

/* Validate `raw` (NULL: absent) with the step's validator. */
static enum pyb_param_verdict
raw_validate(struct pyb_run *r, const struct shm_step *step, PyObject *raw, PyObject **out)
{
	struct pyb_objects o = objects_of(r);

	if (raw == NULL)
		return pyb_param_default(r->app->st, &o, step, out);
	if (step->object == SHM_NONE || (step->flags & SHM_STEP_F_RAW)) {
		*out = Py_NewRef(raw);
		return PYB_PARAM_OK;
	}
	*out = pyb_param_validate(r->app->st, o.all[step->object], raw);
	return *out == NULL ? PYB_PARAM_INVALID : PYB_PARAM_OK;
}

/* The value of `slot` was found under that name of `step`. False: no memory. */
static bool
name_note(struct pyb_run *r, const struct shm_step *step, uint32_t number)
{
	if (number == 0 || step->slot == SHM_NONE)
		return true;
	if (r->names == NULL) {
		r->names = arena_alloc(r->arena, r->plan->n_slots * sizeof(*r->names));
		if (r->names == NULL)
			return false;
		memset(r->names, 0, r->plan->n_slots * sizeof(*r->names));
	}
	r->names[step->slot] = (uint32_t)(step - r->steps) + number;
	return true;
}

static enum pyb_param_verdict
param_take(struct pyb_run *r, const struct shm_step *step, PyObject **out)
{
	struct pyb_objects o = objects_of(r);

	if (step->count > 0 && step->source != SHM_SOURCE_PATH &&
	    !name_note(r, step, pyb_param_name(&o, step, &r->source)))
		return PYB_PARAM_ODD;
	return pyb_param_take(r->app->st, &o, step, &r->source, out);
}

/* The member of `parsed` that the step reads, under the first of its names that is there.
 * Borrowed. NULL with an exception set on failure. */
static PyObject *
member_get(struct pyb_run *r, const struct shm_step *step, PyObject *parsed)
{
	for (uint32_t i = 0; i <= step->count; i++) {
		PyObject *key = PyTuple_GET_ITEM(r->binding->objects, step[i].key);
		PyObject *member = PyDict_GetItemWithError(parsed, key);

		if (member != NULL && !name_note(r, step, i))
			return PyErr_NoMemory();
		if (member != NULL || PyErr_Occurred())
			return member;
	}
	return NULL;
}

static enum pyb_param_verdict
body_field(struct pyb_run *r, const struct shm_step *step, PyObject **out)
{
	PyObject *parsed = r->slots[step->first], *member = NULL;
	enum pyb_param_verdict verdict;

	if (parsed != NULL) {
		if (!PyDict_CheckExact(parsed))
			return PYB_PARAM_ODD;
		member = member_get(r, step, parsed);
		if (member == NULL && PyErr_Occurred()) {
			PyErr_Clear();
			return PYB_PARAM_ODD;
		}
	}
	Py_XINCREF(member);
	verdict = raw_validate(r, step, member, out);
	Py_XDECREF(member);
	return verdict;
}

enum pyb_param_verdict
pyb_read_step(struct pyb_run *r, const struct shm_step *step, PyObject **out)
{
	struct pyb_objects o = objects_of(r);

	*out = NULL;
	switch (step->op) {
	case SHM_STEP_PARAM:
		return param_take(r, step, out);
	case SHM_STEP_PARAM_MODEL:
		return pyb_model_take(r->app->st, &o, step, &r->source, out);
	case SHM_STEP_BODY_PARSE:
		return body_parse(r, out);
	case SHM_STEP_VALIDATE:
		return raw_validate(r, step, r->slots[step->first], out);
	case SHM_STEP_BODY_FIELD:
		return body_field(r, step, out);
	default:
		/* Nothing to do: the step before has read it. */
		must(step->op == SHM_STEP_PARAM_FIELD || step->op == SHM_STEP_ALIAS);
		return PYB_PARAM_OK;
	}
}

/* The number of the step by which errors of `step` are placed: that of the name under which
 * its value was found. */
static long
place_number(const struct pyb_run *r, const struct shm_step *step)
{
	uint32_t slot = step->op == SHM_STEP_VALIDATE ? step->first : step->slot;

	if (r->names != NULL && slot != SHM_NONE && r->names[slot] != 0)
		return (long)r->names[slot];
	return step - r->steps;
}

/* Append (step, error) to r->errors. `step` is a number or None; both are stolen. 0, or -1
 * with an exception set. */
static int
error_add(struct pyb_run *r, PyObject *step, PyObject *error)
{
	PyObject *entry = NULL;
	int rc = -1;

	if (r->errors == NULL)
		r->errors = PyList_New(0);
	if (r->errors != NULL && step != NULL && error != NULL)
		entry = PyTuple_Pack(2, step, error);
	if (entry != NULL)
		rc = PyList_Append(r->errors, entry);
	Py_XDECREF(entry);
	Py_XDECREF(step);
	Py_XDECREF(error);
	return rc;
}

int
pyb_read_error(struct pyb_run *r, const struct shm_step *step, PyObject *exc)
{
	return error_add(r, PyLong_FromLong(place_number(r, step)),
	    exc != NULL ? exc : Py_NewRef(Py_None));
}

/* May errors be noted? Only where FastAPI's own handler answers them: for another one the
 * request is replayed. */
static bool
errors_count(const struct pyb_run *r)
{
	return (r->x != NULL || r->scope != NULL) && (r->plan->flags & SHM_PLAN_F_ERRORS) &&
	    !(r->plan->flags & SHM_PLAN_F_FOREIGN) &&
	    pyb_answers_invalid(&r->binding->answers);
}

/* The step's value is missing, or its validator has raised (an exception is set). Note it.
 * False: the request must be replayed. Leaves no exception. */
static bool
fault_note(struct pyb_run *r, const struct shm_step *step)
{
	PyObject *exc = PyErr_GetRaisedException();

	if (!errors_count(r) ||
	    (exc != NULL && !PyErr_GivenExceptionMatches(exc, r->app->st->validation_error))) {
		Py_XDECREF(exc);
		return false;
	}
	if (pyb_read_error(r, step, exc) == 0)
		return true;
	PyErr_Clear();
	return false;
}

/* The content is no JSON. helper.content_errors(content) gives FastAPI's errors; None when
 * Python's parser reads it. False: the request must be replayed. Leaves no exception. */
static bool
broken_note(struct pyb_run *r)
{
	PyObject *errors = NULL;

	if (errors_count(r))
		errors = PyObject_CallMethodOneArg(pyb_run_helper(r),
		    r->app->st->n_content_errors, r->body);
	r->broken = errors != NULL && errors != Py_None &&
	    error_add(r, Py_NewRef(Py_None), Py_NewRef(errors)) == 0;
	Py_XDECREF(errors);
	PyErr_Clear();
	return r->broken;
}

bool
pyb_read_is_final(const struct pyb_run *r)
{
	uint32_t at = r->plan->n_pure;

	if (r->errors == NULL || r->broken)
		return r->broken;
	while (at < r->plan->n_steps && r->steps[at].op != SHM_STEP_CALL &&
	    r->steps[at].op != SHM_STEP_ENTER && r->steps[at].op != SHM_STEP_VALIDATE)
		at++;
	return at == r->plan->n_steps;
}

bool
pyb_read_steps(struct pyb_run *r)
{
	r->replay_final = true;
	for (uint32_t i = 0; i < r->plan->n_pure; i++) {
		const struct shm_step *step = &r->steps[i];
		PyObject *value;

		switch (pyb_read_step(r, step, &value)) {
		case PYB_PARAM_OK:
			break;
		case PYB_PARAM_MISSING:
			if (fault_note(r, step))
				continue;
			r->replay_reason = "parameter missing";
			return false;
		case PYB_PARAM_INVALID:
			if (fault_note(r, step))
				continue;
			r->replay_reason = "parameter invalid";
			return false;
		case PYB_PARAM_BROKEN:
			r->replay_reason = "unusual request";
			return broken_note(r);
		case PYB_PARAM_RAISED:
			PyErr_Clear();
			r->replay_reason = "a default cannot be made";
			return false;
		case PYB_PARAM_ODD:
			r->replay_reason = "unusual request";
			/* In request_response FastAPI's own parser has read the form, so that
			 * the plan can read forms there that our parser cannot. */
			r->replay_final = !(r->plan->flags & SHM_PLAN_F_FORM);
			return false;
		}
		if (step->slot != SHM_NONE)
			Py_XSETREF(r->slots[step->slot], value);
		else
			Py_XDECREF(value);
	}
	r->pc = r->plan->n_pure;
	return true;
}
