/*
 * layers: from Python values to the settings of a chain.
 *
 * Called by app.c, binding.c and stack/stretch.c. A setting is named and typed by its class
 * (middleware/middleware.h); its value is what python/fastrapi/compile/layers.py has read off
 * Starlette's instance: a bool, an int, bytes, a tuple of bytes, a tuple of pairs of bytes, a
 * compiled pattern, or what session.h asks for. Every value lives as long as `source`, which nobody
 * changes.
 */
#include "bindings/layers.h"

#include "bindings/session.h"
#include "bindings/text.h"
#include "middleware/list.h"

enum { ARENA_BYTES = 2048 };

static int
refuse(const struct mw_option *option)
{
	if (!PyErr_Occurred())
		PyErr_Format(PyExc_TypeError, "setting %s of a layer has the wrong type",
		    option->name);
	return -1;
}

/* Room in the arena for what a tuple holds. NULL with MemoryError set. */
static void *
room_for(struct arena *arena, PyObject *tuple, size_t size)
{
	void *room = arena_alloc(arena, (size_t)PyTuple_GET_SIZE(tuple) * size);

	if (room == NULL)
		PyErr_NoMemory();
	return room;
}

static bool
bytes_read(PyObject *value, struct slice *out)
{
	if (!PyBytes_CheckExact(value))
		return false;
	*out = (struct slice){ PyBytes_AS_STRING(value), (size_t)PyBytes_GET_SIZE(value) };
	return true;
}

static int
texts_read(struct arena *arena, const struct mw_option *option, PyObject *value,
    struct mw_texts *out)
{
	struct slice *all = PyTuple_CheckExact(value) ?
	    room_for(arena, value, sizeof(*all)) : NULL;

	if (all == NULL)
		return refuse(option);
	for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(value); i++)
		if (!bytes_read(PyTuple_GET_ITEM(value, i), &all[i]))
			return refuse(option);
	*out = (struct mw_texts){ all, (size_t)PyTuple_GET_SIZE(value) };
	return 0;
}

static int
fields_read(struct arena *arena, const struct mw_option *option, PyObject *value,
    struct mw_fields *out)
{
	struct hx_header *all = PyTuple_CheckExact(value) ?
	    room_for(arena, value, sizeof(*all)) : NULL;

	if (all == NULL)
		return refuse(option);
	for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(value); i++) {
		PyObject *pair = PyTuple_GET_ITEM(value, i);

		if (!PyTuple_CheckExact(pair) || PyTuple_GET_SIZE(pair) != 2 ||
		    !bytes_read(PyTuple_GET_ITEM(pair, 0), &all[i].name) ||
		    !bytes_read(PyTuple_GET_ITEM(pair, 1), &all[i].value))
			return refuse(option);
	}
	*out = (struct mw_fields){ all, (size_t)PyTuple_GET_SIZE(value) };
	return 0;
}

static int
number_read(const struct mw_option *option, PyObject *value, int64_t *out)
{
	*out = PyLong_Check(value) ? PyLong_AsLongLong(value) : -1;
	return !PyLong_Check(value) || (*out == -1 && PyErr_Occurred()) ? refuse(option) : 0;
}

/* pattern.fullmatch(text), with the interpreter held. */
static int
pattern_matches(void *pattern, struct slice text)
{
	PyObject *str = pyb_text_latin1(text), *match = NULL;
	int matches = -1;

	if (str != NULL)
		match = PyObject_CallMethod(pattern, "fullmatch", "O", str);
	if (match != NULL)
		matches = match != Py_None;
	else
		PyErr_Clear();
	Py_XDECREF(match);
	Py_XDECREF(str);
	return matches;
}

/* Read one setting into its place. 0, or -1 with an exception set. */
static int
option_read(struct pyb_layers *l, const struct mw_option *option, PyObject *value, char *set)
{
	struct arena *arena = &l->arena;
	void *out = set + option->at;

	switch (option->kind) {
	case MW_FLAG:
		if (!PyBool_Check(value))
			return refuse(option);
		*(bool *)out = value == Py_True;
		return 0;
	case MW_NUMBER:
		return number_read(option, value, out);
	case MW_TEXT:
		return bytes_read(value, out) ? 0 : refuse(option);
	case MW_TEXTS:
		return texts_read(arena, option, value, out);
	case MW_FIELDS:
		return fields_read(arena, option, value, out);
	case MW_PATTERN:
		if (value != Py_None)
			*(struct mw_pattern *)out =
			    (struct mw_pattern){ pattern_matches, value };
		return 0;
	case MW_KEEPER:
		return pyb_session_keeper(l->st, value, arena, out);
	}
	return refuse(option);
}

/* The settings of a layer, in the arena. NULL with an exception set. */
static void *
settings_read(struct pyb_layers *l, const struct mw_class *class, PyObject *values)
{
	char *set = arena_alloc(&l->arena, class->set_bytes);

	if (set == NULL)
		return PyErr_NoMemory();
	memset(set, 0, class->set_bytes);
	for (size_t i = 0; i < class->n_options; i++) {
		PyObject *value = PyDict_GetItemString(values, class->options[i].name);

		if (value == NULL)
			return PyErr_Format(PyExc_KeyError, "a layer's setting %s",
			    class->options[i].name);
		if (option_read(l, &class->options[i], value, set) < 0)
			return NULL;
	}
	return set;
}

static int
layer_add(struct pyb_layers *l, PyObject *pair)
{
	const struct mw_class *class;
	const char *name;
	Py_ssize_t len;
	PyObject *values;
	void *set;

	if (!PyTuple_Check(pair) || !PyArg_ParseTuple(pair, "s#O!", &name, &len,
	    &PyDict_Type, &values)) {
		if (!PyErr_Occurred())
			PyErr_SetString(PyExc_TypeError, "a layer is a pair");
		return -1;
	}
	class = mw_list_find((struct slice){ name, (size_t)len });
	if (class == NULL) {
		PyErr_Format(PyExc_ValueError, "no native middleware is called %s", name);
		return -1;
	}
	set = settings_read(l, class, values);
	if (set == NULL)
		return -1;
	if (mw_chain_add(&l->chain, class, set) < 0) {
		PyErr_NoMemory();
		return -1;
	}
	return 0;
}

int
pyb_layers_init(struct pyb_layers *l, struct pyb_module_state *st, PyObject *source)
{
	Py_ssize_t n;

	*l = (struct pyb_layers){ .st = st, .source = Py_XNewRef(source) };
	if (source == NULL)
		return 0;
	n = PyTuple_GET_SIZE(source);
	arena_init(&l->arena, ARENA_BYTES);
	if (mw_chain_init(&l->chain, &l->arena, (size_t)n) < 0) {
		PyErr_NoMemory();
		return -1;
	}
	for (Py_ssize_t i = 0; i < n; i++)
		if (layer_add(l, PyTuple_GET_ITEM(source, i)) < 0)
			return -1;
	return 0;
}

void
pyb_layers_fini(struct pyb_layers *l)
{
	if (l->source == NULL)
		return;
	mw_chain_fini(&l->chain);
	arena_fini(&l->arena);
	Py_CLEAR(l->source);
}

int
pyb_layers_traverse(struct pyb_layers *l, visitproc visit, void *arg)
{
	Py_VISIT(l->source);
	return 0;
}
