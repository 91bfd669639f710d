/*
 * options: one row per option that Python passes to the C side.
 *
 * Called by serve.c and testclient.c.
 */
#include "engine/options.h"

#include <stddef.h>
#include <unistd.h>

static const struct {
	const char *name;
	size_t offset;
	bool wide;
} rows[] = {
	{ "limit_line", offsetof(struct worker_options, limits.line), false },
	{ "limit_field", offsetof(struct worker_options, limits.field), false },
	{ "limit_fields", offsetof(struct worker_options, limits.fields), false },
	{ "limit_head", offsetof(struct worker_options, limits.head), false },
	{ "limit_body", offsetof(struct worker_options, limits.body), true },
	{ "header_timeout_ms", offsetof(struct worker_options, header_timeout_ms), false },
	{ "keep_alive_ms", offsetof(struct worker_options, keep_alive_ms), false },
	{ "content_timeout_ms", offsetof(struct worker_options, content_timeout_ms), false },
	{ "write_timeout_ms", offsetof(struct worker_options, write_timeout_ms), false },
};

static int
number_set(struct worker_options *options, const char *name, PyObject *value)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *field = (char *)options + rows[i].offset;
		unsigned long long n;

		if (strcmp(rows[i].name, name) != 0)
			continue;
		n = PyLong_AsUnsignedLongLong(value);
		if (PyErr_Occurred())
			return -1;
		if (rows[i].wide) {
			memcpy(field, &(uint64_t){ n }, sizeof(uint64_t));
		} else if (n > UINT32_MAX) {
			PyErr_Format(PyExc_ValueError, "%s is too large", name);
			return -1;
		} else {
			memcpy(field, &(uint32_t){ (uint32_t)n }, sizeof(uint32_t));
		}
		return 0;
	}
	PyErr_Format(PyExc_ValueError, "unknown option %s", name);
	return -1;
}

/* "boards": (descriptor, index, generation): take this one, look at all. */
static int
boards_take(struct worker_options *options, PyObject *value)
{
	unsigned index, generation;
	int fd;

	if (!PyTuple_Check(value))
		PyErr_SetString(PyExc_TypeError, "boards are (descriptor, index, generation)");
	if (!PyTuple_Check(value) ||
	    !PyArg_ParseTuple(value, "iII;boards are (descriptor, index, generation)", &fd,
	    &index, &generation))
		return -1;
	options->board = shm_board_attach(fd, index);
	if (options->board == NULL || shm_boards_attach(&options->boards, fd) < 0) {
		PyErr_SetFromErrno(PyExc_OSError);
		return -1;
	}
	shm_board_claim(options->board, (uint32_t)getpid(), generation);
	return 0;
}

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

static int
option_read(struct worker_options *options, PyObject **owner, PyObject *key, PyObject *value)
{
	const char *name = text_read(key);

	if (name == NULL)
		return -1;
	if (strcmp(name, "boards") == 0)
		return boards_take(options, value);
	if (strcmp(name, "root_path") != 0)
		return number_set(options, name, value);
	options->root_path = text_read(value);
	if (options->root_path == NULL)
		return -1;
	*owner = Py_NewRef(value);
	return 0;
}

int
engine_options_read(PyObject *dict, struct worker_options *options, PyObject **owner)
{
	PyObject *key, *value;
	Py_ssize_t at = 0;

	worker_options_init(options);
	*owner = NULL;
	while (PyDict_Next(dict, &at, &key, &value)) {
		if (option_read(options, owner, key, value) == 0)
			continue;
		shm_board_detach(options->board);
		shm_boards_detach(&options->boards);
		options->board = NULL;
		options->root_path = "";
		Py_CLEAR(*owner);
		return -1;
	}
	return 0;
}
