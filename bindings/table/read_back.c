/*
 * read_back: the bytes of shm/layout.h become lists again.
 *
 * Called by engine/module.c, which registers its functions for python/fastrapi/compile.
 * The counterpart of build.c: "routes", "plans" and "meta" of describe_table() are what
 * build_table() takes, with methods in the order of their numbers. A table that
 * shm/check refuses is a ValueError.
 */
#include "bindings/table/read_back.h"

#include "bindings/text.h"
#include "shm/conflict.h"
#include "shm/method.h"
#include "shm/route.h"
#include "shm/table.h"

/* Attach the bytes object; 0, or -1 with an exception set. */
static int
table_attach(PyObject *bytes, struct shm_table *t)
{
	const char *why;

	if (!PyBytes_Check(bytes)) {
		PyErr_SetString(PyExc_TypeError, "a table is a bytes object");
		return -1;
	}
	if (shm_table_attach(t, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes),
	    &why) == 0)
		return 0;
	PyErr_Format(PyExc_ValueError, "route table refused: %s", why);
	return -1;
}

/* An index as Python sees it: -1 for none. */
static long long
index_value(uint32_t index)
{
	return index == SHM_NONE ? -1 : (long long)index;
}

static PyObject *
text_object(const struct shm_table *t, struct shm_text text)
{
	struct slice bytes = shm_table_text(t, text);

	return PyUnicode_DecodeUTF8(bytes.ptr, (Py_ssize_t)bytes.len, "replace");
}

/* Record `i` of some section as an object; NULL with an exception set. */
typedef PyObject *make_f(const struct shm_table *t, uint32_t i);

/* A list of n records from `first` on. */
static PyObject *
list_of(const struct shm_table *t, uint32_t first, uint32_t n, make_f *make)
{
	PyObject *list = PyList_New((Py_ssize_t)n);

	for (uint32_t i = 0; list != NULL && i < n; i++) {
		PyObject *item = make(t, first + i);

		if (item == NULL)
			Py_CLEAR(list);
		else
			PyList_SET_ITEM(list, (Py_ssize_t)i, item);
	}
	return list;
}

/* The same as a tuple. */
static PyObject *
tuple_of(const struct shm_table *t, uint32_t first, uint32_t n, make_f *make)
{
	PyObject *list = list_of(t, first, n, make), *tuple;

	tuple = list != NULL ? PyList_AsTuple(list) : NULL;
	Py_XDECREF(list);
	return tuple;
}

/* A mask of methods as a tuple of names; None for all. */
static PyObject *
methods_object(uint64_t mask)
{
	PyObject *list, *tuple = NULL;
	int rc = 0;

	if (mask == UINT64_MAX)
		Py_RETURN_NONE;
	list = PyList_New(0);
	for (unsigned i = 0; list != NULL && rc == 0 && i < 64; i++) {
		const char *name = (mask >> i) & 1 ? shm_method_name(i) : NULL;
		PyObject *text = name != NULL ? PyUnicode_FromString(name) : NULL;

		if (name != NULL)
			rc = text == NULL ? -1 : PyList_Append(list, text);
		Py_XDECREF(text);
	}
	if (list != NULL && rc == 0)
		tuple = PyList_AsTuple(list);
	Py_XDECREF(list);
	return tuple;
}

static PyObject *
part_object(const struct shm_table *t, uint32_t i)
{
	return Py_BuildValue("(IN)", t->parts[i].kind, text_object(t, t->parts[i].text));
}

static PyObject *
route_object(const struct shm_table *t, uint32_t i)
{
	const struct shm_route *r = &t->routes[i];

	return Py_BuildValue("(NNNLNNN)", text_object(t, r->path),
	    tuple_of(t, r->first_part, r->n_parts, part_object), methods_object(r->methods),
	    index_value(r->plan), text_object(t, r->reason), text_object(t, r->name),
	    PyBool_FromLong((long)r->barrier));
}

static PyObject *
arg_object(const struct shm_table *t, uint32_t i)
{
	return PyLong_FromLongLong(index_value(t->args[i]));
}

static PyObject *
step_object(const struct shm_table *t, uint32_t i)
{
	const struct shm_step *s = &t->steps[i];
	bool call = shm_plan_step_has_args(s);
	PyObject *args = call ? tuple_of(t, s->first, s->count, arg_object) :
	    Py_BuildValue("(LL)", index_value(s->first), index_value(s->count));

	return Py_BuildValue("(IIILy#LLNL)", s->op, s->source, s->flags, index_value(s->slot),
	    t->strings + s->name, (Py_ssize_t)s->name_len, index_value(s->object),
	    index_value(s->object2), args, index_value(s->key));
}

static PyObject *
plan_object(const struct shm_table *t, uint32_t i)
{
	const struct shm_plan *p = &t->plans[i];

	return Py_BuildValue("(NIIIIILLLLLL)", list_of(t, p->first_step, p->n_steps, step_object),
	    p->n_pure, p->n_slots, p->flags, p->status, p->response_mode,
	    index_value(p->response_validator), index_value(p->response_serializer),
	    index_value(p->response_kwargs), index_value(p->response_values),
	    index_value(p->response_shape), index_value(p->helper));
}

static PyObject *
meta_object(const struct shm_table *t)
{
	PyObject *dict = PyDict_New();

	for (uint32_t i = 0; dict != NULL && i < t->n_meta; i++) {
		PyObject *key = text_object(t, t->meta[i].key);
		PyObject *value = text_object(t, t->meta[i].value);

		if (key == NULL || value == NULL || PyDict_SetItem(dict, key, value) < 0)
			Py_CLEAR(dict);
		Py_XDECREF(key);
		Py_XDECREF(value);
	}
	return dict;
}

static PyObject *
describe_table(PyObject *Py_UNUSED(module), PyObject *bytes)
{
	struct shm_table t;

	if (table_attach(bytes, &t) < 0)
		return NULL;
	return Py_BuildValue("{sNsIsNsN}", "meta", meta_object(&t), "n_objects", t.n_objects,
	    "routes", list_of(&t, 0, t.n_routes, route_object), "plans",
	    list_of(&t, 0, t.n_plans, plan_object));
}

static void
conflict_add(void *arg, const struct shm_conflict *c)
{
	PyObject **list = arg, *item;

	if (*list == NULL)
		return;
	item = Py_BuildValue("(IINNN)", c->route, c->by, methods_object(c->methods),
	    PyBool_FromLong(c->whole), PyBool_FromLong(c->same));
	if (item == NULL || PyList_Append(*list, item) < 0)
		Py_CLEAR(*list);
	Py_XDECREF(item);
}

static PyObject *
route_conflicts(PyObject *Py_UNUSED(module), PyObject *bytes)
{
	struct shm_table t;
	PyObject *list;

	if (table_attach(bytes, &t) < 0)
		return NULL;
	list = PyList_New(0);
	shm_conflict_each(&t, conflict_add, &list);
	return list;
}

static PyObject *
match_table(PyObject *Py_UNUSED(module), PyObject *args)
{
	struct slice params[SHM_MAX_PARAMS];
	PyObject *bytes, *texts;
	const char *method, *path;
	Py_ssize_t method_len, path_len;
	struct shm_table t;
	uint32_t route;
	unsigned n;

	if (!PyArg_ParseTuple(args, "Os#s#:match_table", &bytes, &method, &method_len, &path,
	    &path_len) || table_attach(bytes, &t) < 0)
		return NULL;
	if (!shm_route_match(&t, shm_method_number((struct slice){ method, (size_t)method_len }),
	    (struct slice){ path, (size_t)path_len }, &route, params, &n))
		Py_RETURN_NONE;
	texts = pyb_text_tuple(params, n);
	return texts != NULL ? Py_BuildValue("(IN)", route, texts) : NULL;
}

static int
constant_put(PyObject *all, const char *group, const char *name, long value)
{
	PyObject *dict = PyDict_GetItemString(all, group), *number = PyLong_FromLong(value);
	int rc = 0;

	if (dict == NULL) {
		dict = PyDict_New();
		rc = dict == NULL ? -1 : PyDict_SetItemString(all, group, dict);
		Py_XDECREF(dict);
	}
	if (rc == 0)
		rc = number == NULL ? -1 : PyDict_SetItemString(dict, name, number);
	Py_XDECREF(number);
	return rc;
}

static PyObject *
plan_constants(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
	PyObject *all = PyDict_New();
	int rc = all == NULL ? -1 : 0;

#define ROWS(group, name_, value_) { group, #name_, value_ },
	static const struct { const char *group, *name; long value; } rows[] = {
#define X(n, v) ROWS("STEP", n, v)
		SHM_STEP_OPS(X)
#undef X
#define X(n, v) ROWS("SOURCE", n, v)
		SHM_SOURCES(X)
#undef X
#define X(n, v) ROWS("STEP_FLAG", n, v)
		SHM_STEP_FLAGS(X)
#undef X
#define X(n, v) ROWS("RESPONSE", n, v)
		SHM_RESPONSE_MODES(X)
#undef X
#define X(n, v) ROWS("PLAN_FLAG", n, v)
		SHM_PLAN_FLAGS(X)
#undef X
#define X(n, v) ROWS("KIND", n, v)
		SHM_KINDS(X)
#undef X
#define X(n) ROWS("PART", n, SHM_PART_##n)
		SHM_PART_KINDS(X)
#undef X
	};
#undef ROWS
	for (size_t i = 0; rc == 0 && i < sizeof(rows) / sizeof(rows[0]); i++)
		rc = constant_put(all, rows[i].group, rows[i].name, rows[i].value);
	for (unsigned i = 0; rc == 0 && i < SHM_METHOD_OTHER; i++)
		if (shm_method_name(i) != NULL)
			rc = constant_put(all, i == SHM_METHOD_WEBSOCKET ? "HANDSHAKE" : "METHOD",
			    shm_method_name(i), (long)i);
	if (rc < 0)
		Py_CLEAR(all);
	return all;
}

static PyMethodDef functions[] = {
	{ "describe_table", describe_table, METH_O,
	    "describe_table(table) -> dict: meta, n_objects, routes, plans.\n\n"
	    "Routes and plans have the shapes that build_table() takes." },
	{ "route_conflicts", route_conflicts, METH_O,
	    "route_conflicts(table) -> [(route, by, methods, whole, same)]\n\n"
	    "Routes that one declared before hides: for these methods (None: all), wholly or\n"
	    "in part, with the same template or a wider one." },
	{ "match_table", match_table, METH_VARARGS,
	    "match_table(table, method, path) -> (route, texts), or None" },
	{ "plan_constants", plan_constants, METH_NOARGS,
	    "plan_constants() -> dict: the numbers of shm/plan.h, shm/layout.h and\n"
	    "shm/method.h by group (STEP, SOURCE, STEP_FLAG, RESPONSE, PLAN_FLAG, KIND,\n"
	    "PART, METHOD, HANDSHAKE) and name." },
	{ NULL, NULL, 0, NULL }
};

int
pyb_read_back_register(PyObject *module)
{
	return PyModule_AddFunctions(module, functions);
}
