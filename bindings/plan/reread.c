/*
 * reread: has user code changed the request, and FastAPI's own reading if it has.
 *
 * Called by alone.c, nested.c, call.c and stack/. Starlette's Request makes its headers, query
 * and cookies once and keeps them. FastAPI lets the Request make them before the first
 * dependency runs, and pyb_reread_remember() does the same. Later changes reach
 * parameters in two ways only: in place (the list of headers, the dicts of cookies and of
 * path parameters), or when an attribute of the Request is replaced. A new
 * scope["headers"] reaches no parameter, so it must not count as a change.
 */
#include "bindings/plan/reread.h"

#include "base/must.h"

/* The values that a Request makes and keeps: indexes into r->seen. */
enum { HEADERS, QUERY, COOKIES, SEEN };

int
pyb_reread_remember(struct pyb_run *r, PyObject *scope)
{
	struct pyb_module_state *st = r->app->st;
	PyObject *const names[SEEN] = { st->n_headers, st->n_query_params, st->n_cookies };
	PyObject *params = PyDict_GetItemWithError(scope, st->n_path_params);
	PyObject *seen = PyTuple_New(SEEN), *cookies, *list;

	must(r->request != NULL && r->seen == NULL);
	if (seen == NULL || params == NULL || !PyDict_CheckExact(params))
		goto failed;
	for (int i = 0; i < SEEN; i++) {
		PyObject *made = PyObject_GetAttr(r->request, names[i]);

		if (made == NULL)
			goto failed;
		PyTuple_SET_ITEM(seen, i, made);
	}
	cookies = PyTuple_GET_ITEM(seen, COOKIES);
	if (!PyDict_CheckExact(cookies))
		goto failed;
	list = PyObject_GetAttr(PyTuple_GET_ITEM(seen, HEADERS), st->n__list);
	if (list == NULL)
		goto failed;
	r->seen = seen;
	r->seen_pairs = PySequence_Tuple(list);
	Py_DECREF(list);
	r->seen_cookies = PyDict_Copy(cookies);
	r->seen_params = PyDict_Copy(params);
	return r->seen_pairs != NULL && r->seen_cookies != NULL && r->seen_params != NULL ?
	    0 : -1;
failed:
	if (!PyErr_Occurred())
		PyErr_SetString(PyExc_TypeError, "an unknown kind of Request");
	Py_XDECREF(seen);
	return -1;
}

/* Are they the same pairs in the same order? Comparing addresses is enough:
 * r->seen_pairs holds references, so no address can have been used again. */
static bool
headers_same(struct pyb_run *r, PyObject *headers)
{
	PyObject *list = PyObject_GetAttr(headers, r->app->st->n__list);
	Py_ssize_t n = PyTuple_GET_SIZE(r->seen_pairs);
	bool same = list != NULL && PyList_CheckExact(list) && PyList_GET_SIZE(list) == n;

	for (Py_ssize_t i = 0; same && i < n; i++)
		same = PyList_GET_ITEM(list, i) == PyTuple_GET_ITEM(r->seen_pairs, i);
	Py_XDECREF(list);
	return same;
}

/* Has the dict the same keys with the same objects? */
static bool
dict_same(PyObject *seen, PyObject *now)
{
	PyObject *key, *value;
	Py_ssize_t at = 0;

	if (now == NULL || !PyDict_CheckExact(now) || PyDict_GET_SIZE(now) != PyDict_GET_SIZE(seen))
		return false;
	while (PyDict_Next(seen, &at, &key, &value))
		if (PyDict_GetItemWithError(now, key) != value)
			return false;
	return true;
}

/* Would reading the parameters again give what the plan has read? */
static bool
unchanged(struct pyb_run *r)
{
	struct pyb_module_state *st = r->app->st;
	PyObject *const names[SEEN] = { st->n__headers, st->n__query_params, st->n__cookies };
	PyObject *attributes = PyObject_GetAttr(r->request, st->n___dict__);
	PyObject *scope = PyObject_GetAttr(r->request, st->n_scope);
	bool same = attributes != NULL && scope != NULL && PyDict_CheckExact(attributes) &&
	    PyDict_CheckExact(scope) &&
	    dict_same(r->seen_params, PyDict_GetItemWithError(scope, st->n_path_params)) &&
	    dict_same(r->seen_cookies, PyTuple_GET_ITEM(r->seen, COOKIES)) &&
	    headers_same(r, PyTuple_GET_ITEM(r->seen, HEADERS));

	for (int i = 0; same && i < SEEN; i++)
		same = PyDict_GetItemWithError(attributes, names[i]) ==
		    PyTuple_GET_ITEM(r->seen, i);
	PyErr_Clear();
	Py_XDECREF(scope);
	Py_XDECREF(attributes);
	return same;
}

/* Add FastAPI's error list to r->errors. 0, or -1 with an exception set. */
static int
errors_note(struct pyb_run *r, PyObject *errors)
{
	PyObject *entry;
	int rc;

	if (r->errors == NULL && (r->errors = PyList_New(0)) == NULL)
		return -1;
	entry = Py_BuildValue("(OO)", Py_None, errors);
	rc = entry == NULL ? -1 : PyList_Append(r->errors, entry);
	Py_XDECREF(entry);
	return rc;
}

/* Put the values into the step's slots. The slot of an invalid value becomes empty. */
static void
values_take(struct pyb_run *r, const struct shm_step *step, PyObject *values)
{
	PyObject *names = PyTuple_GET_ITEM(r->binding->objects, step->object2);
	const uint32_t *slots = r->binding->table.args + step->first;

	for (uint32_t i = 0; i < step->count; i++)
		Py_XSETREF(r->slots[slots[i]], Py_XNewRef(
		    PyDict_GetItemWithError(values, PyTuple_GET_ITEM(names, i))));
}

int
pyb_reread_step(struct pyb_run *r, const struct shm_step *step)
{
	PyObject *read = PyTuple_GET_ITEM(r->binding->objects, step->object);
	PyObject *got, *values, *errors;
	int rc = -1;

	must(r->seen != NULL);
	if (unchanged(r))
		return 0;
	got = PyObject_CallOneArg(read, r->request);
	if (got == NULL)
		return -1;
	if (PyArg_ParseTuple(got, "O!O!", &PyDict_Type, &values, &PyList_Type, &errors)) {
		values_take(r, step, values);
		rc = PyList_GET_SIZE(errors) > 0 ? errors_note(r, errors) : 0;
	}
	Py_DECREF(got);
	/* FastAPI has also run the validators of these parameters: skip their steps. */
	r->pc += step->key;
	return rc;
}
