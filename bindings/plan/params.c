/*
 * params: text to validated values.
 *
 * Called by read.c for every parameter of a plan, before any user code has run, and by
 * result.c, which validates the endpoint's result in the same way. Selection rules
 * (which occurrence counts, what counts as absent) are FastAPI's
 * request_params_to_args and _get_multidict_value. It must never make an error text of
 * FastAPI's.
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

/* A str of `s`, in the encoding of the source: UTF-8, but latin-1 for headers and
 * cookies. */
static PyObject *
text_new(unsigned source, struct slice s)
{
	if (source == SHM_SOURCE_QUERY || source == SHM_SOURCE_PATH ||
	    source == SHM_SOURCE_FORM)
		return pyb_text_utf8(s);
	return pyb_text_latin1(s);
}

/* The value starlette's convertor makes of a matched path parameter. */
static PyObject *
path_value_new(struct pyb_module_state *st, const struct shm_step *step, struct slice s)
{
	PyObject *text = text_new(SHM_SOURCE_PATH, s), *value = text;

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

/* The pairs that a step reads: either header fields, in place, or decoded pairs. */
struct pair_source {
	const struct pyb_pair *pairs;
	const struct hx_header *headers;
	size_t n;
};

/* The pairs of a source. 0; -1 when they cannot be read (no exception is set). */
static int
source_open(struct pyb_source *src, unsigned source, struct pair_source *s)
{
	const struct pyb_pairs *pairs;

	if (source == SHM_SOURCE_HEADER) {
		*s = (struct pair_source){ NULL, src->headers, src->n_headers };
		return 0;
	}
	pairs = source == SHM_SOURCE_QUERY ? pyb_source_query(src) :
	    source == SHM_SOURCE_FORM ? pyb_source_form(src) : pyb_source_cookies(src);
	if (pairs == NULL)
		return -1;
	*s = (struct pair_source){ pairs->all, NULL, pairs->n };
	return 0;
}

static struct pyb_pair
source_at(const struct pair_source *s, size_t i)
{
	if (s->headers != NULL)
		return (struct pyb_pair){ s->headers[i].name, s->headers[i].value };
	return s->pairs[i];
}

/* Index of the occurrence that counts for a scalar: the first header field,
 * the last query entry or cookie. -1 when absent. */
static Py_ssize_t
source_find(const struct pair_source *s, struct slice name)
{
	if (s->headers != NULL) {
		for (size_t i = 0; i < s->n; i++)
			if (slice_equal(s->headers[i].name, name))
				return (Py_ssize_t)i;
		return -1;
	}
	for (size_t i = s->n; i-- > 0;)
		if (slice_equal(s->pairs[i].name, name))
			return (Py_ssize_t)i;
	return -1;
}

/* All occurrences of `name` as a list of str; an empty list when absent. */
static PyObject *
source_list(const struct pair_source *s, unsigned source, struct slice name)
{
	PyObject *list = PyList_New(0);

	if (list == NULL)
		return NULL;
	for (size_t i = 0; i < s->n; i++) {
		struct pyb_pair pair = source_at(s, i);
		PyObject *text;
		int rc;

		if (!slice_equal(pair.name, name))
			continue;
		text = text_new(source, pair.value);
		rc = text == NULL ? -1 : PyList_Append(list, text);
		Py_XDECREF(text);
		if (rc < 0) {
			Py_DECREF(list);
			return NULL;
		}
	}
	return list;
}

static struct slice
step_name(const struct pyb_objects *o, const struct shm_step *step)
{
	return (struct slice){ o->table->strings + step->name, step->name_len };
}

/* The raw value of a step into *out, new reference. 0, with *out NULL when the value is
 * absent; -1 with an exception set. */
static int
raw_take(const struct pyb_objects *o, const struct shm_step *step,
    struct pyb_source *src, PyObject **out)
{
	struct pair_source s;
	Py_ssize_t at;

	*out = NULL;
	if (source_open(src, step->source, &s) < 0) {
		PyErr_NoMemory();
		return -1;
	}
	/* Cookies are a plain dict in FastAPI: no getlist, one value. */
	if ((step->flags & SHM_STEP_F_LIST) && step->source != SHM_SOURCE_COOKIE) {
		*out = source_list(&s, step->source, step_name(o, step));
		if (*out == NULL)
			return -1;
		if (PyList_GET_SIZE(*out) == 0)
			Py_CLEAR(*out);
		return 0;
	}
	at = source_find(&s, step_name(o, step));
	if (at < 0)
		return 0;
	/* An empty text counts as absent in a form; so it does for a sequence,
	 * because its length is 0. */
	if (source_at(&s, (size_t)at).value.len == 0 &&
	    (step->source == SHM_SOURCE_FORM || (step->flags & SHM_STEP_F_LIST)))
		return 0;
	*out = text_new(step->source, source_at(&s, (size_t)at).value);
	return *out == NULL ? -1 : 0;
}

/* Validate `raw` (stolen). */
static enum pyb_param_verdict
validated(struct pyb_module_state *st, const struct pyb_objects *o,
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
	return validated(st, o, step, raw, out);
}

/* Is `name` one of the names that the model's fields have read? */
static bool
name_processed(const struct pyb_objects *o, const struct shm_step *model, struct slice name)
{
	for (uint32_t i = 1; i <= model->count; i++) {
		struct slice key;

		if (slice_equal(step_name(o, &model[i]), name))
			return true;
		if (model->source != SHM_SOURCE_HEADER)
			continue;
		/* A header whose name is the field's own name, not its alias, counts as read
		 * too. */
		if (pyb_text_slice(o->all[model[i].object], &key) == 0 &&
		    slice_equal_lower(key, name))
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
extras_fill(const struct pyb_objects *o, const struct shm_step *model,
    struct pyb_source *src, PyObject *extras)
{
	struct pair_source s;
	bool many = model->source != SHM_SOURCE_COOKIE;

	if (source_open(src, model->source, &s) < 0) {
		PyErr_NoMemory();
		return -1;
	}
	for (size_t i = 0; i < s.n; i++) {
		struct pyb_pair pair = source_at(&s, i);
		PyObject *key = NULL, *value = NULL;
		int rc = -1;

		if (name_processed(o, model, pair.name))
			continue;
		key = text_new(model->source, pair.name);
		value = text_new(model->source, pair.value);
		if (key != NULL && value != NULL)
			rc = extra_add(extras, key, value, many);
		Py_XDECREF(key);
		Py_XDECREF(value);
		if (rc < 0)
			return -1;
	}
	return 0;
}

/* Does the request hold anything of an optional model (FastAPI's
 * _is_form_model_supplied and its like)? -1: the source cannot be read. */
static int
model_supplied(const struct pyb_objects *o, const struct shm_step *model, struct pyb_source *src)
{
	struct pair_source s;

	if (source_open(src, model->source, &s) < 0)
		return -1;
	if (model->flags & SHM_STEP_F_EXTRAS_SUPPLY)
		return s.n > 0;
	for (uint32_t i = 1; i <= model->count; i++)
		if (source_find(&s, step_name(o, &model[i])) >= 0)
			return 1;
	return 0;
}

/* The dict that FastAPI would validate. New reference; NULL with an exception set. */
static PyObject *
model_dict(const struct pyb_objects *o, const struct shm_step *model, struct pyb_source *src)
{
	PyObject *dict = PyDict_New(), *extras = PyDict_New();
	int rc = dict == NULL || extras == NULL ? -1 : 0;

	for (uint32_t i = 1; rc == 0 && i <= model->count; i++) {
		PyObject *raw = NULL;

		rc = raw_take(o, &model[i], src, &raw);
		if (rc == 0 && raw != NULL)
			rc = PyDict_SetItem(dict, o->all[model[i].object], raw);
		Py_XDECREF(raw);
	}
	if (rc == 0)
		rc = extras_fill(o, model, src, extras);
	if (rc == 0)
		rc = PyDict_Update(dict, extras);
	Py_XDECREF(extras);
	if (rc < 0)
		Py_CLEAR(dict);
	return dict;
}

enum pyb_param_verdict
pyb_param_model_take(struct pyb_module_state *st, const struct pyb_objects *o,
    const struct shm_step *step, struct pyb_source *src, PyObject **out)
{
	PyObject *dict;
	int supplied = 1;

	if (step->flags & SHM_STEP_F_OPTIONAL_MODEL)
		supplied = model_supplied(o, step, src);
	if (supplied < 0)
		return PYB_PARAM_ODD;
	if (!supplied)
		return pyb_param_default(st, o, step, out);
	dict = model_dict(o, step, src);
	if (dict == NULL) {
		PyErr_Clear();
		return PYB_PARAM_ODD;
	}
	return validated(st, o, step, dict, out);
}
