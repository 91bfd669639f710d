/*
 * table: the compiler's lists become the bytes of shm/layout.h.
 *
 * Called by python/fastrapi/compile. Shapes of the arguments:
 *
 *   routes  [(path, parts, methods, plan, reason, name, barrier)]
 *             parts    ((kind, text), ...)   kind: enum shm_part_kind
 *             methods  (str, ...) or None for all
 *             plan     index into plans, -1: through ASGI
 *   plans   [(steps, n_pure, n_slots, flags, status, response_mode,
 *             response_validator, response_serializer, response_kwargs,
 *             response_values, helper)]
 *             steps    [(op, source, flags, slot, name, object, object2,
 *                        args, key)]
 *             args     CALL, ENDPOINT: (slot, ...); others: (first, count)
 *
 * An index of -1 means none.
 */
#include "bindings/table.h"

#include <stdlib.h>

#include "shm/builder.h"
#include "shm/method.h"
#include "shm/segment.h"
#include "shm/table.h"

enum { MAX_PARTS = 128, MAX_ARGS = 1024 };

static uint32_t
index_of(long long value)
{
	return value < 0 ? SHM_NONE : (uint32_t)value;
}

static struct slice
text_slice(PyObject *text)
{
	Py_ssize_t len;
	const char *bytes;

	if (PyBytes_Check(text))
		return (struct slice){ PyBytes_AS_STRING(text), (size_t)PyBytes_GET_SIZE(text) };
	bytes = PyUnicode_AsUTF8AndSize(text, &len);
	return (struct slice){ bytes, bytes != NULL ? (size_t)len : 0 };
}

static int
methods_mask(PyObject *methods, uint64_t *mask)
{
	PyObject *fast;

	*mask = UINT64_MAX;
	if (methods == Py_None)
		return 0;
	*mask = 0;
	fast = PySequence_Fast(methods, "methods must be a sequence");
	if (fast == NULL)
		return -1;
	for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(fast); i++) {
		const char *name = PyUnicode_AsUTF8(PySequence_Fast_GET_ITEM(fast, i));
		int number = name != NULL ? shm_method_number(name) : -1;

		if (name == NULL) {
			Py_DECREF(fast);
			return -1;
		}
		if (number >= 0)
			*mask |= UINT64_C(1) << number;
	}
	Py_DECREF(fast);
	return 0;
}

static Py_ssize_t
parts_read(PyObject *parts, struct shm_part_spec *out)
{
	Py_ssize_t n = PyTuple_GET_SIZE(parts);

	if (n > MAX_PARTS) {
		PyErr_SetString(PyExc_ValueError, "path template has too many parts");
		return -1;
	}
	for (Py_ssize_t i = 0; i < n; i++) {
		PyObject *text;

		if (!PyArg_ParseTuple(PyTuple_GET_ITEM(parts, i), "IU", &out[i].kind, &text))
			return -1;
		out[i].text = text_slice(text);
		if (out[i].text.ptr == NULL)
			return -1;
	}
	return n;
}

static int
route_add(struct shm_builder *b, PyObject *tuple)
{
	struct shm_part_spec parts[MAX_PARTS];
	struct shm_route_spec spec = { .parts = parts };
	PyObject *path, *part_list, *methods, *reason, *name;
	long long plan;
	int barrier;
	Py_ssize_t n;

	if (!PyArg_ParseTuple(tuple, "UO!OLUUp", &path, &PyTuple_Type, &part_list, &methods,
	    &plan, &reason, &name, &barrier))
		return -1;
	n = parts_read(part_list, parts);
	if (n < 0 || methods_mask(methods, &spec.methods) < 0)
		return -1;
	spec.n_parts = (size_t)n;
	spec.path = text_slice(path);
	spec.name = text_slice(name);
	spec.reason = text_slice(reason);
	spec.plan = index_of(plan);
	spec.barrier = barrier != 0;
	if (spec.path.ptr == NULL || spec.name.ptr == NULL || spec.reason.ptr == NULL)
		return -1;
	if (shm_builder_route(b, &spec) == 0)
		return 0;
	PyErr_NoMemory();
	return -1;
}

static int
step_add(struct shm_builder *b, PyObject *tuple)
{
	uint32_t args[MAX_ARGS];
	struct shm_step_spec spec = { .args = args };
	unsigned op, source, flags;
	long long slot, object, object2, key;
	PyObject *name, *arg_list;

	if (!PyArg_ParseTuple(tuple, "IIILO!LLO!L", &op, &source, &flags, &slot,
	    &PyBytes_Type, &name, &object, &object2, &PyTuple_Type, &arg_list, &key))
		return -1;
	if (PyTuple_GET_SIZE(arg_list) > MAX_ARGS) {
		PyErr_SetString(PyExc_ValueError, "a function has too many parameters");
		return -1;
	}
	for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(arg_list); i++) {
		args[i] = index_of(PyLong_AsLongLong(PyTuple_GET_ITEM(arg_list, i)));
		if (PyErr_Occurred())
			return -1;
	}
	spec.name = text_slice(name);
	spec.n_args = (size_t)PyTuple_GET_SIZE(arg_list);
	spec.step = (struct shm_step){ .op = (uint8_t)op, .source = (uint8_t)source,
	    .flags = (uint16_t)flags, .slot = index_of(slot), .object = index_of(object),
	    .object2 = index_of(object2), .key = index_of(key) };
	if (op != SHM_STEP_CALL && op != SHM_STEP_ENDPOINT && spec.n_args == 2) {
		spec.step.first = args[0];
		spec.step.count = args[1];
	}
	if (shm_builder_step(b, &spec) == 0)
		return 0;
	PyErr_NoMemory();
	return -1;
}

static int
plan_add(struct shm_builder *b, PyObject *tuple)
{
	struct shm_plan plan = { 0 };
	PyObject *steps, *fast;
	long long validator, serializer, kwargs, values, helper;
	int rc = 0;

	if (!PyArg_ParseTuple(tuple, "OIIIIILLLLL", &steps, &plan.n_pure, &plan.n_slots,
	    &plan.flags, &plan.status, &plan.response_mode, &validator, &serializer,
	    &kwargs, &values, &helper))
		return -1;
	plan.response_validator = index_of(validator);
	plan.response_serializer = index_of(serializer);
	plan.response_kwargs = index_of(kwargs);
	plan.response_values = index_of(values);
	plan.helper = index_of(helper);
	fast = PySequence_Fast(steps, "steps must be a sequence");
	if (fast == NULL)
		return -1;
	for (Py_ssize_t i = 0; rc == 0 && i < PySequence_Fast_GET_SIZE(fast); i++)
		rc = step_add(b, PySequence_Fast_GET_ITEM(fast, i));
	Py_DECREF(fast);
	if (rc == 0 && shm_builder_plan(b, &plan) < 0) {
		PyErr_NoMemory();
		rc = -1;
	}
	return rc;
}

static int
meta_add(struct shm_builder *b, PyObject *meta)
{
	PyObject *key, *value;
	Py_ssize_t at = 0;

	while (PyDict_Next(meta, &at, &key, &value)) {
		struct slice k = text_slice(key), v = text_slice(value);

		if (k.ptr == NULL || v.ptr == NULL)
			return -1;
		if (shm_builder_meta(b, k, v) < 0) {
			PyErr_NoMemory();
			return -1;
		}
	}
	return 0;
}

static int
each(struct shm_builder *b, PyObject *list, int (*add)(struct shm_builder *, PyObject *))
{
	for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++)
		if (add(b, PyList_GET_ITEM(list, i)) < 0)
			return -1;
	return 0;
}

static PyObject *
bytes_finish(struct shm_builder *b, uint32_t n_objects, Py_ssize_t limit)
{
	struct shm_table check;
	const char *why;
	void *bytes = NULL;
	size_t size;
	PyObject *result = NULL;
	int rc = shm_builder_finish(b, n_objects, (size_t)limit, &bytes, &size);

	if (rc == -2)
		return PyErr_Format(PyExc_ValueError, "the route table needs %zu bytes, "
		    "more than the limit of %zd; raise --table-limit", size, limit);
	if (rc < 0)
		return PyErr_NoMemory();
	if (shm_table_attach(&check, bytes, size, &why) < 0)
		PyErr_Format(PyExc_ValueError, "the compiler made a wrong table: %s", why);
	else
		result = PyBytes_FromStringAndSize(bytes, (Py_ssize_t)size);
	free(bytes);
	return result;
}

static PyObject *
build_table(PyObject *Py_UNUSED(module), PyObject *args)
{
	PyObject *routes, *plans, *meta, *result = NULL;
	struct shm_builder *b;
	unsigned n_objects;
	Py_ssize_t limit;

	if (!PyArg_ParseTuple(args, "O!O!O!In:build_table", &PyList_Type, &routes,
	    &PyList_Type, &plans, &PyDict_Type, &meta, &n_objects, &limit))
		return NULL;
	b = shm_builder_new();
	if (b == NULL)
		return PyErr_NoMemory();
	if (meta_add(b, meta) == 0 && each(b, routes, route_add) == 0 &&
	    each(b, plans, plan_add) == 0)
		result = bytes_finish(b, n_objects, limit);
	shm_builder_free(b);
	return result;
}

static PyObject *
write_table(PyObject *Py_UNUSED(module), PyObject *args)
{
	int fd;
	Py_buffer bytes;
	int rc;

	if (!PyArg_ParseTuple(args, "iy*:write_table", &fd, &bytes))
		return NULL;
	rc = shm_segment_write(fd, bytes.buf, (size_t)bytes.len);
	PyBuffer_Release(&bytes);
	if (rc < 0)
		return PyErr_SetFromErrno(PyExc_OSError);
	Py_RETURN_NONE;
}

static PyObject *
same_table(PyObject *Py_UNUSED(module), PyObject *args)
{
	struct shm_table t;
	const char *why;
	Py_buffer bytes;
	int fd;
	bool same;

	if (!PyArg_ParseTuple(args, "iy*:same_table", &fd, &bytes))
		return NULL;
	same = shm_table_open(&t, fd, &why) == 0 && t.size == (size_t)bytes.len &&
	    memcmp(t.header, bytes.buf, t.size) == 0;
	if (t.header != NULL)
		shm_table_detach(&t);
	PyBuffer_Release(&bytes);
	return PyBool_FromLong(same);
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
	};
#undef ROWS
	for (size_t i = 0; rc == 0 && i < sizeof(rows) / sizeof(rows[0]); i++)
		rc = constant_put(all, rows[i].group, rows[i].name, rows[i].value);
	if (rc < 0)
		Py_CLEAR(all);
	return all;
}

static PyMethodDef functions[] = {
	{ "build_table", build_table, METH_VARARGS,
	    "build_table(routes, plans, meta, n_objects, limit) -> bytes" },
	{ "write_table", write_table, METH_VARARGS, "write_table(fd, table)" },
	{ "same_table", same_table, METH_VARARGS,
	    "same_table(fd, table) -> bool: is the sealed table byte for byte this one?" },
	{ "plan_constants", plan_constants, METH_NOARGS,
	    "The numbers of shm/plan.h by group and name." },
	{ NULL, NULL, 0, NULL }
};

int
pyb_table_register(PyObject *module)
{
	return PyModule_AddFunctions(module, functions);
}
