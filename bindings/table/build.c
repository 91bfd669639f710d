/*
 * build: the compiler's lists become the bytes of shm/layout.h.
 *
 * Called by engine/module.c, which registers its functions for python/fastrapi.
 * Shapes of the arguments, and of what read_back.c gives back:
 *
 *   routes  [(path, parts, methods, plan, reason, name, barrier)]
 *             parts    ((kind, text), ...)   kind: enum shm_part_kind
 *             methods  (str, ...); None or empty: all, as in Starlette
 *             plan     index into plans, -1: through ASGI
 *   plans   [(steps, n_pure, n_slots, flags, status, response_mode,
 *             response_validator, response_serializer, response_kwargs,
 *             response_values, response_shape, helper)]
 *             steps    [(op, source, flags, slot, name, object, object2,
 *                        args, key)]     name: bytes
 *             args     CALL, ENDPOINT, REREAD: (slot, ...); others: (first, count),
 *                      or () for none of either
 *
 * An index of -1 means none (SHM_NONE). A number that does not fit its field is a
 * ValueError, and so is a table that shm/check refuses.
 */
#include "bindings/table/build.h"

#include <limits.h>
#include <stdlib.h>

#include "shm/builder.h"
#include "shm/method.h"
#include "shm/segment.h"
#include "shm/table.h"

enum { MAX_PARTS = 128, MAX_ARGS = 1024 };

/* Read a number from 0 to `max`; with `none`, -1 is SHM_NONE. False: an exception,
 * which names `what`, is set. */
static bool
number_read(PyObject *object, const char *what, uint32_t max, bool none, uint32_t *out)
{
	int overflow;
	long long value = PyLong_AsLongLongAndOverflow(object, &overflow);

	if (value == -1 && PyErr_Occurred())
		return false;
	if (none && value == -1 && overflow == 0) {
		*out = SHM_NONE;
		return true;
	}
	if (overflow != 0 || value < 0 || value > (long long)max) {
		PyErr_Format(PyExc_ValueError, "%s is %R, out of the range 0 to %u", what,
		    object, max);
		return false;
	}
	*out = (uint32_t)value;
	return true;
}

static bool
index_read(PyObject *object, const char *what, uint32_t *out)
{
	return number_read(object, what, SHM_NONE - 1, true, out);
}

/* Is it a tuple? False: an exception is set. */
static bool
tuple_check(PyObject *object, const char *what)
{
	if (PyTuple_Check(object))
		return true;
	PyErr_Format(PyExc_TypeError, "%s must be a tuple, not %.100s", what,
	    Py_TYPE(object)->tp_name);
	return false;
}

/* The bytes of a bytes object, or the UTF-8 of a str; the object's own. ptr NULL: an
 * exception is set. */
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

/* The methods' mask. None or no method at all: every method. Those without a number of
 * their own are left out. 0, or -1 with an exception set. */
static int
methods_mask(PyObject *methods, uint64_t *mask)
{
	PyObject *fast;

	*mask = UINT64_MAX;
	if (methods == Py_None)
		return 0;
	fast = PySequence_Fast(methods, "methods must be a sequence");
	if (fast == NULL)
		return -1;
	if (PySequence_Fast_GET_SIZE(fast) > 0)
		*mask = 0;
	for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(fast); i++) {
		struct slice name = text_slice(PySequence_Fast_GET_ITEM(fast, i));
		unsigned number;

		if (name.ptr == NULL) {
			Py_DECREF(fast);
			return -1;
		}
		number = shm_method_number(name);
		if (number != SHM_METHOD_OTHER)
			*mask |= UINT64_C(1) << number;
	}
	Py_DECREF(fast);
	return 0;
}

/* The number of parts, or -1 with an exception set. */
static Py_ssize_t
parts_read(PyObject *parts, struct shm_part_spec *out)
{
	Py_ssize_t n = PyTuple_GET_SIZE(parts);

	if (n > MAX_PARTS) {
		PyErr_SetString(PyExc_ValueError, "path template has too many parts");
		return -1;
	}
	for (Py_ssize_t i = 0; i < n; i++) {
		PyObject *part = PyTuple_GET_ITEM(parts, i), *kind, *text;

		if (!tuple_check(part, "a template part") ||
		    !PyArg_ParseTuple(part, "OU", &kind, &text) ||
		    !number_read(kind, "kind of part", SHM_PART_COUNT - 1, false, &out[i].kind))
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
	PyObject *path, *part_list, *methods, *plan, *reason, *name;
	int barrier;
	Py_ssize_t n;

	if (!tuple_check(tuple, "a route") ||
	    !PyArg_ParseTuple(tuple, "UO!OOUUp", &path, &PyTuple_Type, &part_list, &methods,
	    &plan, &reason, &name, &barrier))
		return -1;
	n = parts_read(part_list, parts);
	if (n < 0 || !index_read(plan, "plan", &spec.plan) ||
	    methods_mask(methods, &spec.methods) < 0)
		return -1;
	spec.n_parts = (size_t)n;
	spec.path = text_slice(path);
	spec.name = text_slice(name);
	spec.reason = text_slice(reason);
	spec.barrier = barrier != 0;
	if (spec.path.ptr == NULL || spec.name.ptr == NULL || spec.reason.ptr == NULL)
		return -1;
	if (shm_builder_route(b, &spec) == 0)
		return 0;
	PyErr_NoMemory();
	return -1;
}

/* Read a step's args. Their number, or -1 with an exception set. */
static Py_ssize_t
args_read(PyObject *list, uint32_t args[MAX_ARGS])
{
	Py_ssize_t n = PyTuple_GET_SIZE(list);

	if (n > MAX_ARGS) {
		PyErr_SetString(PyExc_ValueError, "a function has too many parameters");
		return -1;
	}
	for (Py_ssize_t i = 0; i < n; i++)
		if (!index_read(PyTuple_GET_ITEM(list, i), "argument", &args[i]))
			return -1;
	return n;
}

static int
step_add(struct shm_builder *b, PyObject *tuple)
{
	uint32_t args[MAX_ARGS], op, source, flags;
	struct shm_step_spec spec = { .args = args };
	struct shm_step *step = &spec.step;
	PyObject *o[7], *name, *arg_list;
	Py_ssize_t n;

	if (!tuple_check(tuple, "a step") ||
	    !PyArg_ParseTuple(tuple, "OOOOO!OOO!O", &o[0], &o[1], &o[2], &o[3], &PyBytes_Type,
	    &name, &o[4], &o[5], &PyTuple_Type, &arg_list, &o[6]) ||
	    !number_read(o[0], "op", SHM_STEP_OP_COUNT - 1, false, &op) ||
	    !number_read(o[1], "source", SHM_SOURCE_COUNT - 1, false, &source) ||
	    !number_read(o[2], "flags", SHM_STEP_F_ALL, false, &flags) ||
	    !index_read(o[3], "slot", &step->slot) ||
	    !index_read(o[4], "object", &step->object) ||
	    !index_read(o[5], "object2", &step->object2) ||
	    !index_read(o[6], "key", &step->key))
		return -1;
	n = args_read(arg_list, args);
	if (n < 0)
		return -1;
	step->op = (uint8_t)op;
	step->source = (uint8_t)source;
	step->flags = (uint16_t)flags;
	spec.name = text_slice(name);
	spec.n_args = (size_t)n;
	if (!shm_plan_step_has_args(step) && n == 2) {
		step->first = args[0];
		step->count = args[1];
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
	PyObject *steps, *fast, *o[11];
	int rc = 0;

	if (!tuple_check(tuple, "a plan") ||
	    !PyArg_ParseTuple(tuple, "OOOOOOOOOOOO", &steps, &o[0], &o[1], &o[2], &o[3], &o[4],
	    &o[5], &o[6], &o[7], &o[8], &o[9], &o[10]) ||
	    !number_read(o[0], "n_pure", INT_MAX, false, &plan.n_pure) ||
	    !number_read(o[1], "n_slots", SHM_MAX_SLOTS, false, &plan.n_slots) ||
	    !number_read(o[2], "flags", SHM_PLAN_F_ALL, false, &plan.flags) ||
	    !number_read(o[3], "status", 999, false, &plan.status) ||
	    !number_read(o[4], "response_mode", SHM_RESPONSE_MODE_COUNT - 1, false,
	    &plan.response_mode) ||
	    !index_read(o[5], "response_validator", &plan.response_validator) ||
	    !index_read(o[6], "response_serializer", &plan.response_serializer) ||
	    !index_read(o[7], "response_kwargs", &plan.response_kwargs) ||
	    !index_read(o[8], "response_values", &plan.response_values) ||
	    !index_read(o[9], "response_shape", &plan.response_shape) ||
	    !index_read(o[10], "helper", &plan.helper))
		return -1;
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

/* The finished table as bytes, checked; NULL with an exception set. */
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
	PyObject *routes, *plans, *meta, *objects, *result = NULL;
	struct shm_builder *b;
	uint32_t n_objects;
	Py_ssize_t limit;

	if (!PyArg_ParseTuple(args, "O!O!O!On:build_table", &PyList_Type, &routes,
	    &PyList_Type, &plans, &PyDict_Type, &meta, &objects, &limit) ||
	    !number_read(objects, "n_objects", SHM_NONE - 1, false, &n_objects))
		return NULL;
	if (limit < 0)
		limit = 0;
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

static PyMethodDef functions[] = {
	{ "build_table", build_table, METH_VARARGS,
	    "build_table(routes, plans, meta, n_objects, limit) -> bytes" },
	{ "write_table", write_table, METH_VARARGS, "write_table(fd, table)" },
	{ "same_table", same_table, METH_VARARGS,
	    "same_table(fd, table) -> bool: is the sealed table byte for byte this one?" },
	{ NULL, NULL, 0, NULL }
};

int
pyb_build_register(PyObject *module)
{
	return PyModule_AddFunctions(module, functions);
}
