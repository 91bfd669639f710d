/*
 * guards: versions of dictionaries, compared per request.
 *
 * Called by bindings/binding.c (init, fini), bindings/request.c for every request
 * and bindings/app.c. CPython 3.11 counts every change of a dictionary in
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

static int
watch(PyObject *dict)
{
	if (watcher < 0 && (watcher = PyDict_AddWatcher(on_change)) < 0)
		return -1;
	return PyDict_Watch(watcher, dict);
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
	int rc = -1;

	*g = (struct pyb_guards){ 0 };
	if (empties == NULL ||
	    (g->check = PyObject_GetAttrString(source, "check")) == NULL ||
	    (g->dicts = room_for(dicts, sizeof(*g->dicts))) == NULL ||
	    (g->lists = room_for(lists, sizeof(*g->lists))) == NULL ||
	    (g->empties = room_for(empties, sizeof(*g->empties))) == NULL ||
	    items_take(g, dicts, dict_take) < 0 || items_take(g, lists, list_take) < 0 ||
	    items_take(g, empties, empty_take) < 0)
		goto done;
	versions_take(g);
	rc = 0;
done:
	Py_XDECREF(dicts);
	Py_XDECREF(lists);
	Py_XDECREF(empties);
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
	Py_CLEAR(g->check);
	free(g->dicts);
	free(g->lists);
	free(g->empties);
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

enum pyb_guard_verdict
pyb_guards_look(struct pyb_guards *g, bool full)
{
	PyObject *reason;
	bool holds;

	must(g->check != NULL);
	for (size_t i = 0; i < g->n_empties; i++)
		if (PyDict_GET_SIZE(g->empties[i]) != 0)
			return PYB_GUARD_OVERRIDDEN;
	for (size_t i = 0; i < g->n_lists; i++)
		if (PyList_GET_SIZE(g->lists[i].list) != g->lists[i].len)
			return PYB_GUARD_TRIPPED;
	if (!full && untouched(g))
		return PYB_GUARD_HOLDS;
	versions_take(g);
	reason = PyObject_CallNoArgs(g->check);
	holds = reason == Py_None;
	if (reason == NULL)
		PyErr_Clear();
	Py_XDECREF(reason);
	return holds ? PYB_GUARD_HOLDS : PYB_GUARD_TRIPPED;
}
