/*
 * arguments: overwrite the command line that the kernel keeps for ps(1).
 *
 * Called by module.c (the function). python/fastrapi/worker.py calls it in a worker that a zygote
 * has forked: it would be shown as the zygote. The kernel looks for the words of a process in the
 * process's own memory (arg_start and arg_end of proc_pid_stat(5)); nobody else reads them there
 * once Python has started.
 */
#include "engine/arguments.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { ARG_START = 48, ARG_END = 49, STAT_BYTES = 1024 };	/* fields, from 1 on */

/* Where the words are. False: the kernel does not say. */
static int
region_find(uintptr_t *start, uintptr_t *end)
{
	char text[STAT_BYTES], *field;
	FILE *file = fopen("/proc/self/stat", "re");
	size_t n = file != NULL ? fread(text, 1, sizeof(text) - 1, file) : 0;
	uintptr_t found[ARG_END + 1] = { 0 };

	if (file != NULL)
		fclose(file);
	text[n] = '\0';
	field = strrchr(text, ')');	/* the name before it may have anything inside */
	for (int i = 3; field != NULL && i <= ARG_END; i++) {
		field = strchr(field + 1, ' ');
		if (field != NULL)
			sscanf(field, "%" SCNuPTR, &found[i]);
	}
	*start = found[ARG_START];
	*end = found[ARG_END];
	return *start != 0 && *end > *start;
}

/* show_arguments(words) */
static PyObject *
show_arguments(PyObject *Py_UNUSED(module), PyObject *arg)
{
	uintptr_t start, end;
	size_t room, len;

	if (!PyBytes_Check(arg))
		return PyErr_Format(PyExc_TypeError, "bytes are wanted");
	if (region_find(&start, &end)) {
		room = (size_t)(end - start) - 1;	/* it ends with NUL, else the kernel reads on */
		len = (size_t)PyBytes_GET_SIZE(arg);
		memset((void *)start, 0, room + 1);
		memcpy((void *)start, PyBytes_AS_STRING(arg), len < room ? len : room);
	}
	Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
	{ "show_arguments", show_arguments, METH_O,
	    "show_arguments(words): ps(1) is to show these words, which NULs separate, as far as there\n"
	    "is room. No-op where the kernel does not say where they are." },
	{ NULL, NULL, 0, NULL }
};

int
engine_arguments_register(PyObject *module)
{
	return PyModule_AddFunctions(module, methods);
}
