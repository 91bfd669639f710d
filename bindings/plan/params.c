/*
 * params: text to validated values.
 *
 * Called by read.c for every parameter of a plan, before any user code has run, by model.c
 * for models of them, and by result.c, which validates the endpoint's result in the same
 * way. Which text counts is named.c's to say. It must never make an error text of FastAPI's.
 */
#include "bindings/plan/params.h"

#include "bindings/text.h"

PyObject *
pyb_param_validate(struct pyb_module_state *st, PyObject *validator, PyObject *value)
{
	PyObject *args[3] = { NULL, value, Py_True };

	return PyObject_Vectorcall(validator, args + 1,
	    1 | PY_VECTORCALL_ARGUMENTS_OFFSET, st->kw_from_attributes);
}

enum pyb_param_verdict
pyb_param_default(struct pyb_module_state *st, const struct pyb_objects *o,
    const struct shm_step *step, PyObject **out)
{
	PyObject *value;

	*out = NULL;
	if (step->flags & SHM_STEP_F_REQUIRED)
		return PYB_PARAM_MISSING;
	if (step->flags & SHM_STEP_F_RAW)
		return PYB_PARAM_OK;
	if (step->flags & SHM_STEP_F_DEFAULT_FACTORY)
		value = PyObject_CallNoArgs(o->all[step->object2]);
	else
		value = Py_NewRef(o->all[step->object2]);
	if (value != NULL && (step->flags & SHM_STEP_F_DEFAULT_COPY))
		Py_SETREF(value, PyObject_CallOneArg(st->deepcopy, value));
	if (value == NULL)
		return PYB_PARAM_RAISED;
	if ((step->flags & SHM_STEP_F_DEFAULT_VALIDATE) && step->object != SHM_NONE) {
		PyObject *valid = pyb_param_validate(st, o->all[step->object], value);

		Py_DECREF(value);
		if (valid == NULL)
			return PYB_PARAM_INVALID;
		value = valid;
	}
	*out = value;
	return PYB_PARAM_OK;
}

/* The value starlette's convertor makes of a matched path parameter. */
static PyObject *
path_value_new(struct pyb_module_state *st, const struct shm_step *step, struct slice s)
{
	PyObject *text = pyb_named_text(SHM_SOURCE_PATH, s), *value = text;

	if (text == NULL)
		return NULL;
	if (step->flags & SHM_STEP_F_INT)
		value = PyLong_FromUnicodeObject(text, 10);
	else if (step->flags & SHM_STEP_F_FLOAT)
		value = PyFloat_FromString(text);
	else if (step->flags & SHM_STEP_F_UUID)
		value = PyObject_CallOneArg(st->uuid_class, text);
	if (value != text)
		Py_DECREF(text);
	return value;
}

/* The raw value of a step into *out, new reference. 0, with *out NULL when the value is
 * absent; -1 with an exception set. */
static int
raw_take(const struct pyb_objects *o, const struct shm_step *step, struct pyb_source *src,
    PyObject **out)
{
	struct pyb_named s;

	*out = NULL;
	if (pyb_named_open(src, step->source, &s) < 0) {
		PyErr_NoMemory();
		return -1;
	}
	return pyb_named_take(o, step, pyb_named_pick(o, step, &s), &s, out);
}

enum pyb_param_verdict
pyb_param_validated(struct pyb_module_state *st, const struct pyb_objects *o,
    const struct shm_step *step, PyObject *raw, PyObject **out)
{
	if (step->object == SHM_NONE || (step->flags & SHM_STEP_F_RAW)) {
		*out = raw;
		return PYB_PARAM_OK;
	}
	*out = pyb_param_validate(st, o->all[step->object], raw);
	Py_DECREF(raw);
	return *out == NULL ? PYB_PARAM_INVALID : PYB_PARAM_OK;
}

enum pyb_param_verdict
pyb_param_take(struct pyb_module_state *st, const struct pyb_objects *o,
    const struct shm_step *step, struct pyb_source *src, PyObject **out)
{
	PyObject *raw = NULL;

	if (step->source == SHM_SOURCE_PATH) {
		if (step->key >= src->n_params)
			return PYB_PARAM_ODD;
		raw = path_value_new(st, step, src->params[step->key]);
	} else if (raw_take(o, step, src, &raw) == 0 && raw == NULL) {
		return pyb_param_default(st, o, step, out);
	}
	if (raw == NULL) {
		PyErr_Clear();
		return PYB_PARAM_ODD;
	}
	return pyb_param_validated(st, o, step, raw, out);
}

uint32_t
pyb_param_name(const struct pyb_objects *o, const struct shm_step *step, struct pyb_source *src)
{
	struct pyb_named s;

	if (step->count == 0 || pyb_named_open(src, step->source, &s) < 0)
		return 0;
	return pyb_named_pick(o, step, &s);
}
