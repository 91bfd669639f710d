/*
 * module_state: fill and drop the module's Python objects.
 *
 * Called by engine/module.c (import, traversal, end), bindings/app.c (an application),
 * bindings/plan/events.c, stack/dispatch.c (a layer), plan/parts.c (a form) and loop/loop.c (an
 * event loop). It imports and stores, and calls no user code.
 */
#include "bindings/module_state.h"

#include <stddef.h>

/* The kinds of rows that a use of the list leaves out. */
#define NOTHING(...)

static int
strings_intern(struct pyb_module_state *st)
{
#define INTERN(member, text) \
	if ((st->member = PyUnicode_InternFromString(text)) == NULL) \
		return -1;
#define NAME(x) INTERN(n_##x, #x)
#define TEXT(x, text) INTERN(t_##x, text)
	PYB_MODULE_STATE(NAME, TEXT, NOTHING, NOTHING, NOTHING, NOTHING)
#undef NAME
#undef TEXT
#undef INTERN
	return 0;
}

/* One imported object: where it goes and where it comes from. */
struct import_row {
	size_t offset;
	const char *module;
	const char *name;
};

#define ROW(x, module, name) { offsetof(struct pyb_module_state, x), module, name },

static const struct import_row general_rows[] = {
	PYB_MODULE_STATE(NOTHING, NOTHING, ROW, NOTHING, NOTHING, NOTHING)
};

static const struct import_row fastapi_rows[] = {
	PYB_MODULE_STATE(NOTHING, NOTHING, NOTHING, ROW, NOTHING, NOTHING)
};

#undef ROW

static int
rows_import(struct pyb_module_state *st, const struct import_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		PyObject **member = (PyObject **)((char *)st + rows[i].offset);
		PyObject *module;

		if (*member != NULL)
			continue;
		module = PyImport_ImportModule(rows[i].module);
		if (module == NULL)
			return -1;
		*member = PyObject_GetAttrString(module, rows[i].name);
		Py_DECREF(module);
		if (*member == NULL)
			return -1;
	}
	return 0;
}

/* A scope is a copy of it: the keys are hashed and placed once. */
static PyObject *
scope_make(struct pyb_module_state *st)
{
	PyObject *const rows[][2] = {
		{ st->n_type, st->n_http }, { st->n_asgi, Py_None }, { st->n_http_version, Py_None },
		{ st->n_server, Py_None }, { st->n_client, Py_None }, { st->n_scheme, st->n_http },
		{ st->n_root_path, Py_None }, { st->n_headers, Py_None }, { st->n_state, Py_None },
		{ st->n_method, Py_None }, { st->n_path, Py_None }, { st->n_raw_path, Py_None },
		{ st->n_query_string, Py_None },
	};
	PyObject *scope = PyDict_New();

	for (size_t i = 0; scope != NULL && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (PyDict_SetItem(scope, rows[i][0], rows[i][1]) < 0)
			Py_CLEAR(scope);
	return scope;
}

static PyObject *
field_words_make(void)
{
	static const char *const words[] = {
		"host", "upgrade", "connection", "origin", "user-agent", "cookie", "authorization", "pragma",
		"cache-control", "accept-encoding", "accept-language", "sec-websocket-key",
		"sec-websocket-version", "sec-websocket-extensions", "sec-websocket-protocol",
		"sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site", "x-real-ip", "x-forwarded-for",
		"x-forwarded-proto", "x-forwarded-host", "websocket", "Upgrade", "upgrade", "13", "no-cache",
		"keep-alive, Upgrade", "same-origin", "same-site", "empty", "http", "https",
		"gzip, deflate", "gzip, deflate, br", "gzip, deflate, br, zstd", "permessage-deflate",
		"permessage-deflate; client_max_window_bits",
	};
	PyObject *made = PyDict_New();

	for (size_t i = 0; made != NULL && i < sizeof(words) / sizeof(words[0]); i++) {
		PyObject *word = PyBytes_FromString(words[i]);

		if (word == NULL || PyDict_SetItem(made, word, word) < 0)
			Py_CLEAR(made);
		Py_XDECREF(word);
	}
	return made;
}

int
pyb_module_state_init(struct pyb_module_state *st)
{
	if (strings_intern(st) < 0)
		return -1;
	st->kw_loop = Py_BuildValue("(s)", "loop");
	st->kw_dumps = Py_BuildValue("(ss)", "separators", "ensure_ascii");
	st->json_separators = Py_BuildValue("(ss)", ",", ":");
	st->kw_from_attributes = Py_BuildValue("(s)", "from_attributes");
	st->content_length = Py_BuildValue("y", "content-length");
	st->content_type_json = Py_BuildValue("(yy)", "content-type", "application/json");
	st->asgi_info = Py_BuildValue("{ssss}", "version", "3.0", "spec_version", "2.3");
	st->asgi_websocket_info = Py_BuildValue("{ssss}", "version", "3.0", "spec_version", "2.4");
	st->scope = scope_make(st);
	st->field_words = field_words_make();
#if PY_VERSION_HEX >= 0x030C0000
	st->kw_task = Py_BuildValue("(ssss)", "name", "loop", "context", "eager_start");
#else
	st->kw_task = Py_BuildValue("(sss)", "name", "loop", "context");
#endif
	return st->kw_loop == NULL || st->kw_dumps == NULL || st->json_separators == NULL ||
	    st->kw_from_attributes == NULL || st->content_length == NULL ||
	    st->content_type_json == NULL || st->asgi_info == NULL || st->asgi_websocket_info == NULL ||
	    st->scope == NULL || st->field_words == NULL ||
	    st->kw_task == NULL ? -1 : 0;
}

/* CPython 3.14 keeps the current task elsewhere; and asyncio may have been given another
 * enter_task(). */
static void
current_tasks_find(struct pyb_module_state *st)
{
	PyObject *module = PyImport_ImportModule("_asyncio"), *enter = NULL, *tasks = NULL;

	if (module != NULL)
		enter = PyObject_GetAttrString(module, "_enter_task");
	if (enter != NULL && enter == st->enter_task)
		tasks = PyObject_GetAttrString(module, "_current_tasks");
	if (tasks != NULL && PyDict_CheckExact(tasks))
		Py_XSETREF(st->current_tasks, Py_NewRef(tasks));
	PyErr_Clear();
	Py_XDECREF(tasks);
	Py_XDECREF(enter);
	Py_XDECREF(module);
}

int
pyb_module_state_load(struct pyb_module_state *st)
{
	if (rows_import(st, general_rows, sizeof(general_rows) / sizeof(general_rows[0])) < 0)
		return -1;
	if (st->current_tasks == NULL)
		current_tasks_find(st);
	return 0;
}

int
pyb_module_state_load_fastapi(struct pyb_module_state *st)
{
	if (rows_import(st, fastapi_rows, sizeof(fastapi_rows) / sizeof(fastapi_rows[0])) < 0)
		return -1;
	if (st->response_call == NULL)
		st->response_call = PyObject_GetAttr(st->response_base, st->n___call__);
	return st->response_call == NULL ? -1 : 0;
}

#define NAME(x) MEMBER(n_##x)
#define TEXT(x, text) MEMBER(t_##x)
#define IMPORT(x, module, name) MEMBER(x)

int
pyb_module_state_traverse(struct pyb_module_state *st, visitproc visit, void *arg)
{
#define MEMBER(x) Py_VISIT(st->x);
	PYB_MODULE_STATE(NAME, TEXT, IMPORT, IMPORT, MEMBER, MEMBER)
#undef MEMBER
	return 0;
}

void
pyb_module_state_clear(struct pyb_module_state *st)
{
#define MEMBER(x) Py_CLEAR(st->x);
	PYB_MODULE_STATE(NAME, TEXT, IMPORT, IMPORT, MEMBER, MEMBER)
#undef MEMBER
}
