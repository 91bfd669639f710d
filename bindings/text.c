/*
 * text: slices as Python's str and bytes, and str as slices.
 *
 * Called by app.c, asgi/, plan/, stack/, table/ and websocket/.
 */
#include "bindings/text.h"

PyObject *
pyb_text_tuple(const struct slice *texts, size_t n)
{
	PyObject *tuple = PyTuple_New((Py_ssize_t)n);

	for (size_t i = 0; tuple != NULL && i < n; i++) {
		PyObject *text = pyb_text_utf8(texts[i]);

		if (text == NULL)
			Py_CLEAR(tuple);
		else
			PyTuple_SET_ITEM(tuple, (Py_ssize_t)i, text);
	}
	return tuple;
}

int
pyb_text_slice(PyObject *text, struct slice *out)
{
	Py_ssize_t len = 0;

	out->ptr = PyUnicode_AsUTF8AndSize(text, &len);
	out->len = (size_t)len;
	return out->ptr != NULL ? 0 : -1;
}
