/*
 * model: one dict of all that a source has, for a model to validate.
 *
 * Called by read.c. The dict is that of FastAPI's _request_param_model_to_args and
 * _extract_form_model: the fields under their validation aliases, and whatever none of them
 * has read. Of several form models only names stand in the plan, and the dict is the form.
 */
#include "bindings/plan/model.h"

#include "bindings/text.h"

/* A model that is being read. */
struct reading {
	const struct pyb_objects *o;
	const struct shm_step *model;
	struct pyb_named source;
	bool *read;		/* by number of the step behind `model`: was its name read? */
};

/* Is `name` one of the names that the model's fields have read? */
static bool
is_read(const struct reading *r, struct slice name)
{
	for (uint32_t i = 1; i <= r->model->count; i++) {
		struct slice own = pyb_named_name(r->o, &r->model[i]), key;

		if (r->read[i] && slice_equal(own, name))
			return true;
		if (r->model->source != SHM_SOURCE_HEADER)
			continue;
		/* A header whose name is the field's own name, where its alias is another,
		 * counts as read too. */
		if (pyb_text_slice(r->o->all[r->model[i].object], &key) == 0 &&
		    slice_equal_lower(key, name) && !slice_equal_lower(key, own))
			return true;
		PyErr_Clear();
	}
	return false;
}

/* Add a value under `key`. With `many` two or more values of a key make a list, as in
 * _get_multidict_extras. 0, or -1 with an exception set. */
static int
extra_add(PyObject *dict, PyObject *key, PyObject *value, bool many)
{
	PyObject *old = PyDict_GetItemWithError(dict, key), *list;
	int rc;

	if (old == NULL || !many)
		return PyErr_Occurred() ? -1 : PyDict_SetItem(dict, key, value);
	if (PyList_CheckExact(old))
		return PyList_Append(old, value);
	list = Py_BuildValue("[OO]", old, value);
	rc = list == NULL ? -1 : PyDict_SetItem(dict, key, list);
	Py_XDECREF(list);
	return rc;
}

/* Add the entries that no field of the model has read. FastAPI passes them to the model,
 * whose `extra` policy decides. 0, or -1 with an exception set. */
static int
extras_fill(const struct reading *r, PyObject *extras)
{
	unsigned source = r->model->source;

	for (size_t i = 0; i < r->source.n; i++) {
		struct pyb_pair pair = pyb_named_at(&r->source, i);
		PyObject *key = NULL, *value = NULL;
		int rc = -1;

		if (is_read(r, pair.name))
			continue;
		key = pyb_named_text(source, pair.name);
		value = pyb_named_value(source, &pair);
		if (key != NULL && value != NULL)
			rc = extra_add(extras, key, value, source != SHM_SOURCE_COOKIE);
		Py_XDECREF(key);
		Py_XDECREF(value);
		if (rc < 0)
			return -1;
	}
	return 0;
}

/* Add the value of the field at `at`, and note which of its names were read: the one that
 * counts; in a form those before it, too, and all of a field that is absent. 0, or -1 with an
 * exception set. */
static int
field_fill(const struct reading *r, uint32_t at, PyObject *dict)
{
	const struct shm_step *field = &r->model[at];
	bool form = r->model->source == SHM_SOURCE_FORM;
	uint32_t picked = pyb_named_pick(r->o, field, &r->source), last = picked;
	PyObject *value;
	int rc = 0;

	if (pyb_named_take(r->o, field, picked, &r->source, &value) < 0)
		return -1;
	if (value != NULL)
		rc = PyDict_SetItem(dict, r->o->all[field[picked].object], value);
	else if (form)
		last = field->count;
	for (uint32_t i = form ? 0 : picked; i <= last; i++)
		r->read[at + i] = true;
	Py_XDECREF(value);
	return rc;
}

/* The dict that FastAPI would validate. New reference; NULL with an exception set. */
static PyObject *
dict_new(const struct reading *r)
{
	PyObject *dict = PyDict_New(), *extras = PyDict_New();
	int rc = dict == NULL || extras == NULL ? -1 : 0;

	for (uint32_t i = 1; rc == 0 && i <= r->model->count; i++) {
		if (r->model[i].op != SHM_STEP_PARAM_FIELD)
			continue;
		rc = field_fill(r, i, dict);
		i += r->model[i].count;
	}
	if (rc == 0)
		rc = extras_fill(r, extras);
	if (rc == 0)
		rc = PyDict_Update(dict, extras);
	Py_XDECREF(extras);
	if (rc < 0)
		Py_CLEAR(dict);
	return dict;
}

/* Does the request hold anything of an optional model (FastAPI's
 * _is_form_model_supplied and its like)? */
static bool
is_supplied(const struct reading *r, PyObject *dict)
{
	for (uint32_t i = 1; i <= r->model->count; i++)
		if (pyb_named_has(&r->source, pyb_named_name(r->o, &r->model[i])))
			return true;
	return (r->model->flags & SHM_STEP_F_EXTRAS_SUPPLY) && PyDict_GET_SIZE(dict) > 0;
}

enum pyb_param_verdict
pyb_model_take(struct pyb_module_state *st, const struct pyb_objects *o,
    const struct shm_step *step, struct pyb_source *src, PyObject **out)
{
	struct reading r = { .o = o, .model = step };
	PyObject *dict;

	*out = NULL;
	r.read = arena_alloc(src->arena, step->count + 1);
	if (r.read == NULL || pyb_named_open(src, step->source, &r.source) < 0)
		return PYB_PARAM_ODD;
	memset(r.read, 0, step->count + 1);
	dict = dict_new(&r);
	if (dict == NULL) {
		PyErr_Clear();
		return PYB_PARAM_ODD;
	}
	if ((step->flags & SHM_STEP_F_OPTIONAL_MODEL) && !is_supplied(&r, dict)) {
		Py_DECREF(dict);
		return pyb_param_default(st, o, step, out);
	}
	return pyb_param_validated(st, o, step, dict, out);
}
