/*
 * read: the steps before any user code.
 *
 * Called by alone.c and nested.c before user code runs, and by call.c for a validator that
 * is user code. A fault that is found here makes the request a replay: the application
 * itself gets the untouched request and finds the same fault in its own way. Therefore
 * this file must never write an error of FastAPI's.
 */
#include "bindings/plan/read.h"

#include "base/must.h"
#include "bindings/text.h"
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
		r->body = pyb_text_bytes((struct slice){ r->x->content.data,
		    r->x->content.len });
	return r->body;
}

static enum pyb_param_verdict
body_parse(struct pyb_run *r, PyObject **out)
{
	PyObject *bytes = body_bytes(r);

	*out = NULL;
	if (bytes == NULL) {
		PyErr_Clear();
		return PYB_PARAM_ODD;
	}
	if (PyBytes_GET_SIZE(bytes) == 0)
		return PYB_PARAM_OK;	/* undefined: the slot stays empty */
	if (!hx_content_type_json(pyb_source_content_type(&r->source)))
		return PYB_PARAM_ODD;
	*out = PyObject_CallOneArg(r->app->st->from_json, bytes);
	if (*out == NULL) {
		PyErr_Clear();
		return PYB_PARAM_ODD;
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

static enum pyb_param_verdict
body_field(struct pyb_run *r, const struct shm_step *step, PyObject **out)
{
	PyObject *parsed = r->slots[step->first], *member = NULL;
	enum pyb_param_verdict verdict;

	if (parsed != NULL) {
		if (!PyDict_CheckExact(parsed))
			return PYB_PARAM_ODD;
		member = PyDict_GetItemWithError(parsed,
		    PyTuple_GET_ITEM(r->binding->objects, step->key));
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
		return pyb_param_take(r->app->st, &o, step, &r->source, out);
	case SHM_STEP_PARAM_MODEL:
		return pyb_param_model_take(r->app->st, &o, step, &r->source, out);
	case SHM_STEP_BODY_PARSE:
		return body_parse(r, out);
	case SHM_STEP_VALIDATE:
		return raw_validate(r, step, r->slots[step->first], out);
	case SHM_STEP_BODY_FIELD:
		return body_field(r, step, out);
	default:
		must(step->op == SHM_STEP_PARAM_FIELD);
		return PYB_PARAM_OK;	/* nothing to do: its PARAM_MODEL step has read the field */
	}
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
			r->replay_reason = "parameter missing";
			return false;
		case PYB_PARAM_INVALID:
			PyErr_Clear();
			r->replay_reason = "parameter invalid";
			return false;
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
