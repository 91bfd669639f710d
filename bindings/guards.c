/*
 * guards: versions of dictionaries, compared per request.
 *
 * Called by bindings/binding.c (init, fini), bindings/decide.c for every request,
 * by stack/ and bindings/app.c. CPython 3.11 counts every change of a dictionary in
 * ma_version_tag. From 3.12 on there is no such count that may be used: a
 * dictionary watcher increments one counter for all watched dictionaries.
 */
#include "bindings/guards.h"

#include <stdlib.h>

#include "base/must.h"

#if PY_VERSION_HEX >= 0x030C0000

/* Owner: this file. A watcher belongs to the whole process in CPython itself. The
 * counter only grows; a change of a dictionary that belongs to another application
 * costs one call of the check. */
static uint64_t changes = 1;
static int watcher = -1;

static int
on_change(PyDict_WatchEvent Py_UNUSED(event), PyObject *Py_UNUSED(dict),
    PyObject *Py_UNUSED(key), PyObject *Py_UNUSED(value))
{
	changes++;
	return 0;
}

#if PY_VERSION_HEX >= 0x030D0000

/* From 3.13 on, a change of values that an object keeps inside itself tells no watcher. A key
 * that is no text makes the dictionary take them out. 0, or -1 with an exception set. */
static int
values_take_out(PyObject *dict)
{
	PyObject *key;
	int rc;

	if (((PyDictObject *)dict)->ma_values == NULL)
		return 0;
	key = PyLong_FromLong(0);
	rc = key == NULL || PyDict_SetItem(dict, key, Py_None) < 0 ||
	    PyDict_DelItem(dict, key) < 0 ? -1 : 0;
	Py_XDECREF(key);
	return rc;
}

#else

static int
values_take_out(PyObject *Py_UNUSED(dict))
{
	return 0;
}

#endif

static int
watch(PyObject *dict)
{
	if (watcher < 0 && (watcher = PyDict_AddWatcher(on_change)) < 0)
		return -1;
	return values_take_out(dict) < 0 ? -1 : PyDict_Watch(watcher, dict);
}

/* A number that is another one after every change of the dictionary. */
static inline uint64_t
version_of(PyObject *Py_UNUSED(dict))
{
	return changes;
}

#else

static int
watch(PyObject *Py_UNUSED(dict))
{
	return 0;
}

static inline uint64_t
version_of(PyObject *dict)
{
	return ((PyDictObject *)dict)->ma_version_tag;
}

#endif

static int
dict_take(struct pyb_guards *g, PyObject *item)
{
	PyObject *dict = PyType_Check(item) ? ((PyTypeObject *)item)->tp_dict : item;

	if (dict == NULL || !PyDict_Check(dict)) {
		PyErr_SetString(PyExc_TypeError, "guards.dicts wants dicts and classes");
		return -1;
	}
	if (watch(dict) < 0)
		return -1;
	g->dicts[g->n_dicts++].dict = Py_NewRef(dict);
	return 0;
}

static int
list_take(struct pyb_guards *g, PyObject *item)
{
	if (!PyList_Check(item)) {
		PyErr_SetString(PyExc_TypeError, "guards.lists wants lists");
		return -1;
	}
	g->lists[g->n_lists].len = PyList_GET_SIZE(item);
	g->lists[g->n_lists++].list = Py_NewRef(item);
	return 0;
}

static int
empty_take(struct pyb_guards *g, PyObject *item)
{
	if (!PyDict_Check(item)) {
		PyErr_SetString(PyExc_TypeError, "guards.empties wants dicts");
		return -1;
	}
	g->empties[g->n_empties++] = Py_NewRef(item);
	return 0;
}

static int
content_take(struct pyb_guards *g, PyObject *item)
{
	PyObject *now, *then;

	if (!PyTuple_Check(item) || PyTuple_GET_SIZE(item) != 2)
		goto wrong;
	now = PyTuple_GET_ITEM(item, 0);
	then = PyTuple_GET_ITEM(item, 1);
	if (!(PyList_Check(now) && PyTuple_Check(then)) &&
	    !(PySet_Check(now) && PyFrozenSet_Check(then)))
		goto wrong;
	g->contents[g->n_contents++] = (struct pyb_guard_content){ Py_NewRef(now),
	    Py_NewRef(then) };
	return 0;
wrong:
	PyErr_SetString(PyExc_TypeError, "guards.contents wants lists and sets with theirs");
	return -1;
}

/* The attribute `name` as a list or tuple. New reference; NULL with an exception
 * set, for a TypeError with the text `wrong`. */
static PyObject *
items_of(PyObject *source, const char *name, const char *wrong)
{
	PyObject *seq = PyObject_GetAttrString(source, name);
	PyObject *fast = seq != NULL ? PySequence_Fast(seq, wrong) : NULL;

	Py_XDECREF(seq);
	return fast;
}

static int
items_take(struct pyb_guards *g, PyObject *items,
    int (*take)(struct pyb_guards *g, PyObject *item))
{
	for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(items); i++)
		if (take(g, PySequence_Fast_GET_ITEM(items, i)) < 0)
			return -1;
	return 0;
}

/* Zeroed room for as many elements as `items` has, never of size 0. NULL with an
 * exception set. */
static void *
room_for(PyObject *items, size_t size)
{
	void *room = calloc((size_t)PySequence_Fast_GET_SIZE(items) + 1, size);

	if (room == NULL)
		PyErr_NoMemory();
	return room;
}

static void
versions_take(struct pyb_guards *g)
{
	for (size_t i = 0; i < g->n_dicts; i++)
		g->dicts[i].version = version_of(g->dicts[i].dict);
}

int
pyb_guards_init(struct pyb_guards *g, PyObject *source)
{
	PyObject *dicts = items_of(source, "dicts", "guards.dicts");
	PyObject *lists = dicts != NULL ? items_of(source, "lists", "guards.lists") : NULL;
	PyObject *empties = lists != NULL ?
	    items_of(source, "empties", "guards.empties") : NULL;
	PyObject *contents = empties != NULL ?
	    items_of(source, "contents", "guards.contents") : NULL;
	int rc = -1;

	*g = (struct pyb_guards){ 0 };
	if (contents == NULL ||
	    (g->check = PyObject_GetAttrString(source, "check")) == NULL ||
	    (g->dicts = room_for(dicts, sizeof(*g->dicts))) == NULL ||
	    (g->lists = room_for(lists, sizeof(*g->lists))) == NULL ||
	    (g->empties = room_for(empties, sizeof(*g->empties))) == NULL ||
	    (g->contents = room_for(contents, sizeof(*g->contents))) == NULL ||
	    items_take(g, dicts, dict_take) < 0 || items_take(g, lists, list_take) < 0 ||
	    items_take(g, empties, empty_take) < 0 ||
	    items_take(g, contents, content_take) < 0)
		goto done;
	versions_take(g);
	rc = 0;
done:
	Py_XDECREF(dicts);
	Py_XDECREF(lists);
	Py_XDECREF(empties);
	Py_XDECREF(contents);
	return rc;
}

void
pyb_guards_fini(struct pyb_guards *g)
{
	for (size_t i = 0; i < g->n_dicts; i++)
		Py_CLEAR(g->dicts[i].dict);
	for (size_t i = 0; i < g->n_lists; i++)
		Py_CLEAR(g->lists[i].list);
	for (size_t i = 0; i < g->n_empties; i++)
		Py_CLEAR(g->empties[i]);
	for (size_t i = 0; i < g->n_contents; i++) {
		Py_CLEAR(g->contents[i].now);
		Py_CLEAR(g->contents[i].then);
	}
	Py_CLEAR(g->check);
	free(g->dicts);
	free(g->lists);
	free(g->empties);
	free(g->contents);
	*g = (struct pyb_guards){ 0 };
}

int
pyb_guards_traverse(struct pyb_guards *g, visitproc visit, void *arg)
{
	Py_VISIT(g->check);
	for (size_t i = 0; i < g->n_dicts; i++)
		Py_VISIT(g->dicts[i].dict);
	for (size_t i = 0; i < g->n_lists; i++)
		Py_VISIT(g->lists[i].list);
	for (size_t i = 0; i < g->n_empties; i++)
		Py_VISIT(g->empties[i]);
	for (size_t i = 0; i < g->n_contents; i++) {
		Py_VISIT(g->contents[i].now);
		Py_VISIT(g->contents[i].then);
	}
	return 0;
}

static bool
untouched(const struct pyb_guards *g)
{
	for (size_t i = 0; i < g->n_dicts; i++)
		if (g->dicts[i].version != version_of(g->dicts[i].dict))
			return false;
	return true;
}

/* Has the list the same objects, the set equal ones? */
static bool
is_unchanged(const struct pyb_guard_content *c)
{
	int equal;

	if (PyList_Check(c->now)) {
		Py_ssize_t n = PyTuple_GET_SIZE(c->then);

		return PyList_GET_SIZE(c->now) == n && (n == 0 ||
		    memcmp(((PyListObject *)c->now)->ob_item,
		    ((PyTupleObject *)c->then)->ob_item, (size_t)n * sizeof(PyObject *)) == 0);
	}
	equal = PyObject_RichCompareBool(c->now, c->then, Py_EQ);
	if (equal < 0)
		PyErr_Clear();
	return equal == 1;
}

enum pyb_guard_verdict
pyb_guards_look(struct pyb_guards *g, bool full)
{
	enum pyb_guard_verdict verdict = PYB_GUARD_TRIPPED;
	PyObject *reason;

	must(g->check != NULL);
	for (size_t i = 0; i < g->n_empties; i++)
		if (PyDict_GET_SIZE(g->empties[i]) != 0)
			return PYB_GUARD_OVERRIDDEN;
	for (size_t i = 0; i < g->n_lists; i++)
		if (PyList_GET_SIZE(g->lists[i].list) != g->lists[i].len)
			return PYB_GUARD_TRIPPED;
	for (size_t i = 0; i < g->n_contents; i++)
		if (!is_unchanged(&g->contents[i]))
			return PYB_GUARD_TRIPPED;
	if (!full && !g->tripped && untouched(g))
		return PYB_GUARD_HOLDS;
	versions_take(g);
	reason = PyObject_CallNoArgs(g->check);
	if (reason == Py_None)
		verdict = PYB_GUARD_HOLDS;
	else if (reason == NULL && PyErr_ExceptionMatches(PyExc_MemoryError))
		verdict = PYB_GUARD_UNSURE;
	PyErr_Clear();
	Py_XDECREF(reason);
	/* Who asks first may be a layer that only leaves the request to FastAPI: whoever asks
	 * next must hear of it, too. */
	g->tripped = verdict != PYB_GUARD_HOLDS;
	return verdict;
}
