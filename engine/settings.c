/*
 * settings: between Python's values and struct conf.
 *
 * Called by module.c (the functions), serve.c and testclient.c (a worker's settings).
 * Python asks here for every default and every check of a value. Only open_log() knows a
 * setting by its name.
 */
#include "engine/settings.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/header.h"
#include "base/log.h"

/* Text without NUL, the object's own; NULL with an exception set. */
static const char *
text_read(PyObject *value)
{
	Py_ssize_t len;
	const char *text = PyUnicode_AsUTF8AndSize(value, &len);

	if (text == NULL || strlen(text) == (size_t)len)
		return text;
	PyErr_SetString(PyExc_ValueError, "embedded null character");
	return NULL;
}

/* The row of that name; NULL with KeyError, which names it. */
static const struct conf_row *
row_find(PyObject *name)
{
	const char *text = text_read(name);
	const struct conf_row *row;

	if (text == NULL)
		return NULL;
	row = conf_find(text, strlen(text), '_');
	if (row == NULL)
		PyErr_SetObject(PyExc_KeyError, name);
	return row;
}

/* Text as conf_set() reads it, a new reference; NULL with an exception set. */
static PyObject *
value_text(const struct conf_row *row, PyObject *value)
{
	if (PyUnicode_Check(value))
		return Py_NewRef(value);
	if (PyBool_Check(value) && conf_is_switch(row))
		return PyUnicode_FromString(value == Py_True ? "1" : "0");
	if (PyLong_Check(value) && !PyBool_Check(value) && !conf_is_text(row))
		return PyNumber_ToBase(value, 10);
	return PyErr_Format(PyExc_TypeError, "%s cannot be of type %s", row->name,
	    Py_TYPE(value)->tp_name);
}

/* `c` borrows the text of a TEXT from `value`, which is a str then. */
static int
value_set(struct conf *c, const struct conf_row *row, PyObject *value)
{
	char why[CONF_WHY_BYTES];
	PyObject *object = value_text(row, value);
	const char *text = object != NULL ? text_read(object) : NULL;
	int rc = text != NULL ? conf_set(c, row, text, why) : -1;

	if (rc < 0 && text != NULL)
		PyErr_Format(PyExc_ValueError, "%s=%s: %s", row->name, text, why);
	Py_XDECREF(object);
	return rc;
}

int
engine_settings_read(PyObject *dict, struct conf *c, PyObject **owner)
{
	PyObject *kept = PyDict_Copy(dict), *name, *value;
	Py_ssize_t at = 0;

	*owner = NULL;
	conf_init(c);
	while (kept != NULL && PyDict_Next(kept, &at, &name, &value)) {
		const struct conf_row *row = row_find(name);

		if (row != NULL && ((row->marks & CONF_ALONE) == 0 || value_set(c, row, value) == 0))
			continue;
		Py_CLEAR(kept);
		conf_init(c);
	}
	*owner = kept;
	return kept != NULL ? 0 : -1;
}

/* A new reference to the value as Python has it, NULL with an exception set. */
static PyObject *
value_object(const struct conf *c, const struct conf_row *row)
{
	char word[CONF_NAME_BYTES];

	switch (row->type) {
	case CONF_TEXT:
	case CONF_LIST:
		return PyUnicode_DecodeFSDefault(conf_text(c, row));
	case CONF_WORD:
		conf_word(c, row, word);
		return PyUnicode_FromString(word);
	case CONF_SWITCH:
		return PyBool_FromLong((long)conf_number(c, row));
	default:
		return PyLong_FromLongLong(conf_number(c, row));
	}
}

/* The row's entry of `found`, from `given` when it has one. A text that was given stays
 * the object it is: a path may be no UTF-8. */
static int
entry_add(PyObject *found, struct conf *c, const struct conf_row *row, PyObject *given)
{
	PyObject *name = PyUnicode_FromString(row->name), *entry = NULL, *value;
	int rc = -1;

	if (name == NULL)
		return -1;
	value = Py_XNewRef(PyDict_GetItemWithError(given, name));
	if (value != NULL && conf_is_text(row) && PyUnicode_Check(value))
		entry = Py_NewRef(value);
	else if (value != NULL ? value_set(c, row, value) == 0 : !PyErr_Occurred())
		entry = value_object(c, row);
	if (entry != NULL)
		rc = PyDict_SetItem(found, name, entry);
	Py_XDECREF(entry);
	Py_XDECREF(value);
	Py_DECREF(name);
	return rc;
}

/* KeyError for the first name that `found` has not. */
static int
names_check(PyObject *given, PyObject *found)
{
	PyObject *name, *value;
	Py_ssize_t at = 0;

	while (PyDict_Next(given, &at, &name, &value)) {
		int rc = PyUnicode_CheckExact(name) ? PyDict_Contains(found, name) : 0;

		if (rc == 0)
			PyErr_SetObject(PyExc_KeyError, name);
		if (rc != 1)
			return -1;
	}
	return 0;
}

/* settings(reader, given): the settings that "child" or "alone" reads, by name. */
static PyObject *
settings(PyObject *Py_UNUSED(module), PyObject *args)
{
	char why[CONF_WHY_BYTES];
	PyObject *given, *found;
	const char *reader;
	struct conf c;
	unsigned mark;

	if (!PyArg_ParseTuple(args, "sO!:settings", &reader, &PyDict_Type, &given))
		return NULL;
	mark = strcmp(reader, "child") == 0 ? CONF_CHILD : CONF_ALONE;
	conf_init(&c);
	if (conf_environment(&c, mark, why) < 0)
		return PyErr_Format(PyExc_ValueError, "%s", why);
	found = PyDict_New();
	for (size_t i = 0; found != NULL && i < CONF_COUNT; i++)
		if ((conf_rows[i].marks & mark) != 0 &&
		    entry_add(found, &c, &conf_rows[i], given) < 0)
			Py_CLEAR(found);
	if (found != NULL && names_check(given, found) < 0)
		Py_CLEAR(found);
	return found;
}

/* takes_value(name): is it a setting, and no switch? */
static PyObject *
takes_value(PyObject *Py_UNUSED(module), PyObject *name)
{
	const char *text = text_read(name);
	const struct conf_row *row;

	if (text == NULL)
		return NULL;
	row = conf_find(text, strlen(text), '_');
	return PyBool_FromLong(row != NULL && !conf_is_switch(row));
}

/* open_log(name, level, form) */
static PyObject *
open_log(PyObject *Py_UNUSED(module), PyObject *args)
{
	char why[CONF_WHY_BYTES];
	const char *name, *level, *form;
	struct conf c;

	if (!PyArg_ParseTuple(args, "sss:open_log", &name, &level, &form))
		return NULL;
	if (conf_set(&c, &conf_rows[CONF_log_level], level, why) < 0)
		return PyErr_Format(PyExc_ValueError, "%s: %s", level, why);
	if (conf_set(&c, &conf_rows[CONF_log_format], form, why) < 0)
		return PyErr_Format(PyExc_ValueError, "%s: %s", form, why);
	log_open(name, (enum log_level)c.log_level);
	log_form((enum log_format)c.log_format);
	Py_RETURN_NONE;
}

/* log_file(path) */
static PyObject *
set_log_file(PyObject *Py_UNUSED(module), PyObject *args)
{
	PyObject *path;
	int rc;

	if (!PyArg_ParseTuple(args, "O&:log_file", PyUnicode_FSConverter, &path))
		return NULL;
	rc = log_file(PyBytes_AS_STRING(path));
	if (rc < 0)
		PyErr_SetFromErrnoWithFilename(PyExc_OSError, PyBytes_AS_STRING(path));
	Py_DECREF(path);
	if (rc < 0)
		return NULL;
	Py_RETURN_NONE;
}

/* write_log(bytes) */
static PyObject *
write_log(PyObject *Py_UNUSED(module), PyObject *arg)
{
	if (!PyBytes_Check(arg))
		return PyErr_Format(PyExc_TypeError, "bytes are wanted");
	log_write(PyBytes_AS_STRING(arg), (size_t)PyBytes_GET_SIZE(arg));
	Py_RETURN_NONE;
}

/* forget_secrets() */
static PyObject *
forget_secrets(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
	PyObject *names = PyList_New(0);
	char name[CONF_NAME_BYTES];

	for (size_t i = 0; names != NULL && i < CONF_COUNT; i++) {
		PyObject *object;
		char *value;

		if ((conf_rows[i].marks & CONF_SECRET) == 0)
			continue;
		value = getenv(conf_variable(&conf_rows[i], name));
		object = PyUnicode_FromString(name);
		if (object == NULL || PyList_Append(names, object) < 0)
			Py_CLEAR(names);
		Py_XDECREF(object);
		if (value != NULL)	/* what /proc shows is this memory */
			explicit_bzero(value, strlen(value));
		unsetenv(name);
	}
	return names;
}

/* secret_variable(name) */
static PyObject *
secret_variable(PyObject *Py_UNUSED(module), PyObject *name)
{
	char variable[CONF_NAME_BYTES];
	const char *text = text_read(name);
	const struct conf_row *row;

	if (text == NULL)
		return NULL;
	row = conf_find(text, strlen(text), '_');
	if (row == NULL || (row->marks & CONF_SECRET) == 0)
		Py_RETURN_NONE;
	return PyUnicode_FromString(conf_variable(row, variable));
}

/* header_wrong(line) */
static PyObject *
header_wrong(PyObject *Py_UNUSED(module), PyObject *line)
{
	char why[HEADER_WHY_BYTES];
	Py_ssize_t len;
	const char *text = PyUnicode_AsUTF8AndSize(line, &len);

	if (text == NULL)
		return NULL;
	if (header_may_be(text, (size_t)len, why))
		Py_RETURN_NONE;
	return PyUnicode_FromString(why);
}

static PyMethodDef methods[] = {
	{ "settings", settings, METH_VARARGS,
	    "settings(reader, given): every setting that the \"child\" of fastrd, or the\n"
	    "application that serves itself (\"alone\"), reads. Given values win over the\n"
	    "environment's FASTRD_NAME, those over the defaults. KeyError: there is no such\n"
	    "setting for this reader; ValueError: a value is refused, the text says why." },
	{ "header_wrong", header_wrong, METH_O,
	    "header_wrong(line): why it cannot be NAME:VALUE of every answer; None: it can." },
	{ "takes_value", takes_value, METH_O,
	    "takes_value(name): is it a setting of fastrd's, and no switch?" },
	{ "secret_variable", secret_variable, METH_O,
	    "secret_variable(name): the variable of a setting that no command line may show; None:\n"
	    "it is none of these." },
	{ "forget_secrets", forget_secrets, METH_NOARGS,
	    "forget_secrets(): take such settings out of the environment, where others that this\n"
	    "process starts would find them. The names of their variables: os.environ has a copy." },
	{ "open_log", open_log, METH_VARARGS,
	    "open_log(name, level, form): what the engine logs carries this name." },
	{ "log_file", set_log_file, METH_VARARGS,
	    "log_file(path): standard error is this file from now on, opened anew." },
	{ "write_log", write_log, METH_O,
	    "write_log(bytes): a message to standard error, or lost when that had to wait." },
	{ NULL, NULL, 0, NULL }
};

int
engine_settings_register(PyObject *module)
{
	return PyModule_AddFunctions(module, methods);
}
