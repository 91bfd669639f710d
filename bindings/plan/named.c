/*
 * named: which occurrence of which name counts, and as what.
 *
 * Called by params.c and model.c. The rules are FastAPI's _get_multidict_value and
 * _extract_form_items, and the order of its _get_param_aliases. It must never validate, nor
 * make a default: params.c does.
 */
#include "bindings/plan/named.h"

#include "bindings/text.h"

PyObject *
pyb_named_text(unsigned source, struct slice s)
{
	if (source == SHM_SOURCE_QUERY || source == SHM_SOURCE_PATH)
		return pyb_text_utf8(s);
	if (source == SHM_SOURCE_FORM || source == SHM_SOURCE_FILE)
		return pyb_source_form_text(s);
	return pyb_text_latin1(s);
}

int
pyb_named_open(struct pyb_source *src, unsigned source, struct pyb_named *s)
{
	const struct pyb_pairs *pairs;

	if (source == SHM_SOURCE_HEADER) {
		*s = (struct pyb_named){ NULL, src->headers, src->n_headers };
		return 0;
	}
	pairs = source == SHM_SOURCE_QUERY ? pyb_source_query(src) :
	    source == SHM_SOURCE_COOKIE ? pyb_source_cookies(src) : pyb_source_form(src);
	if (pairs == NULL)
		return -1;
	*s = (struct pyb_named){ pairs->all, NULL, pairs->n };
	return 0;
}

struct pyb_pair
pyb_named_at(const struct pyb_named *s, size_t i)
{
	if (s->headers != NULL)
		return (struct pyb_pair){ s->headers[i].name, s->headers[i].value, NULL, false };
	return s->pairs[i];
}

PyObject *
pyb_named_value(unsigned source, const struct pyb_pair *pair)
{
	if (pair->file == NULL)
		return pyb_named_text(source, pair->value);
	if (source != SHM_SOURCE_FILE)
		return Py_NewRef(pair->file);
	return pair->value.ptr != NULL ? pyb_text_bytes(pair->value) : PyErr_NoMemory();
}

/* Index of the occurrence that counts for a scalar: the first header field,
 * the last query entry or cookie. -1 when absent. */
static Py_ssize_t
find(const struct pyb_named *s, struct slice name)
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

bool
pyb_named_has(const struct pyb_named *s, struct slice name)
{
	return find(s, name) >= 0;
}

struct slice
pyb_named_name(const struct pyb_objects *o, const struct shm_step *step)
{
	return (struct slice){ o->table->strings + step->name, step->name_len };
}

static bool
is_form(const struct shm_step *step)
{
	return step->source == SHM_SOURCE_FORM || step->source == SHM_SOURCE_FILE;
}

/* All occurrences? Cookies are a plain dict in FastAPI: no getlist, one value. */
static bool
is_list(const struct shm_step *step)
{
	return (step->flags & SHM_STEP_F_LIST) && step->source != SHM_SOURCE_COOKIE;
}

/* Does the occurrence count as absent? An empty text does so in a form, and for a sequence,
 * because its length is 0. */
static bool
is_absent(const struct shm_step *step, const struct pyb_pair *pair)
{
	return pair->empty || (pair->file == NULL && pair->value.len == 0 &&
	    (is_form(step) || (step->flags & SHM_STEP_F_LIST)));
}

/* Has the source what makes FastAPI choose this name? */
static bool
is_chosen(const struct shm_step *step, const struct pyb_named *s, struct slice name)
{
	struct pyb_pair pair;
	Py_ssize_t at = find(s, name);

	if (at < 0 || !is_form(step))
		return at >= 0;
	if (!is_list(step)) {
		pair = pyb_named_at(s, (size_t)at);
		return !is_absent(step, &pair);
	}
	for (size_t i = 0; i < s->n; i++)
		if (slice_equal(s->pairs[i].name, name) && !s->pairs[i].empty)
			return true;
	return false;
}

uint32_t
pyb_named_pick(const struct pyb_objects *o, const struct shm_step *step,
    const struct pyb_named *s)
{
	for (uint32_t i = 0; step->count > 0 && i <= step->count; i++)
		if (is_chosen(step, s, pyb_named_name(o, &step[i])))
			return i;
	return 0;
}

/* All occurrences of `name` as a list; an empty one when absent. */
static PyObject *
list_new(const struct pyb_named *s, unsigned source, struct slice name)
{
	PyObject *list = PyList_New(0);

	if (list == NULL)
		return NULL;
	for (size_t i = 0; i < s->n; i++) {
		struct pyb_pair pair = pyb_named_at(s, i);
		PyObject *value;
		int rc;

		if (!slice_equal(pair.name, name) || pair.empty)
			continue;
		value = pyb_named_value(source, &pair);
		rc = value == NULL ? -1 : PyList_Append(list, value);
		Py_XDECREF(value);
		if (rc < 0) {
			Py_DECREF(list);
			return NULL;
		}
	}
	return list;
}

/* All occurrences into *out. Files that are bytes go through the step's object `key`. */
static int
list_take(const struct pyb_objects *o, const struct shm_step *step, struct slice name,
    const struct pyb_named *s, PyObject **out)
{
	PyObject *list = list_new(s, step->source, name);

	if (list != NULL && PyList_GET_SIZE(list) == 0) {
		Py_DECREF(list);
		return 0;
	}
	if (list != NULL && step->source == SHM_SOURCE_FILE && step->key != SHM_NONE)
		Py_SETREF(list, PyObject_CallOneArg(o->all[step->key], list));
	*out = list;
	return list == NULL ? -1 : 0;
}

int
pyb_named_take(const struct pyb_objects *o, const struct shm_step *step, uint32_t number,
    const struct pyb_named *s, PyObject **out)
{
	struct slice name = pyb_named_name(o, &step[number]);
	struct pyb_pair pair;
	Py_ssize_t at;

	*out = NULL;
	if (is_list(step))
		return list_take(o, step, name, s, out);
	at = find(s, name);
	if (at < 0)
		return 0;
	pair = pyb_named_at(s, (size_t)at);
	if (is_absent(step, &pair))
		return 0;
	*out = pyb_named_value(step->source, &pair);
	return *out == NULL ? -1 : 0;
}
