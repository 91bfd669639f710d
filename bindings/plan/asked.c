/*
 * asked: a scope as the room files sees a request.
 *
 * Called by file.c and stack/mount.c. A scope that is not as the server makes it is left alone.
 */
#include "bindings/plan/asked.h"

#include "bindings/plan/source.h"
#include "bindings/text.h"

/* The entry as an exact dict, borrowed; NULL: it is absent or no dict. */
static PyObject *
dict_of(PyObject *scope, PyObject *key)
{
	PyObject *value = PyDict_GetItemWithError(scope, key);

	return value != NULL && PyDict_CheckExact(value) ? value : NULL;
}

/* Would FileResponse wait for http.disconnect while it sends, and send content by itself? */
static bool
is_usual(struct pyb_module_state *st, PyObject *scope)
{
	PyObject *asgi = dict_of(scope, st->n_asgi), *version;

	if (asgi == NULL || PyDict_Contains(scope, st->n_extensions) != 0)
		return false;
	version = PyDict_GetItemWithError(asgi, st->n_spec_version);
	return version != NULL && PyUnicode_CheckExact(version) &&
	    PyUnicode_CompareWithASCIIString(version, "2.3") == 0;
}

/* The entry as text. False: it is none. */
static bool
text_of(PyObject *scope, PyObject *key, struct slice *out)
{
	PyObject *text = PyDict_GetItemWithError(scope, key);

	return text != NULL && PyUnicode_CheckExact(text) && pyb_text_slice(text, out) == 0;
}

bool
pyb_asked_read(struct pyb_module_state *st, PyObject *scope, struct arena *arena,
    struct files_asked *q)
{
	struct pyb_source source;
	bool usual;

	*q = (struct files_asked){ .arena = arena };
	usual = PyDict_CheckExact(scope) && is_usual(st, scope) &&
	    text_of(scope, st->n_method, &q->method) && text_of(scope, st->n_path, &q->path) &&
	    q->path.len > 0 && pyb_source_scope(&source, scope, arena, st->n_headers,
	    st->n_query_string) == 0;
	PyErr_Clear();
	if (!usual)
		return false;
	q->fields = source.headers;
	q->n_fields = source.n_headers;
	return true;
}
