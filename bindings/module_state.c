/*
 * module_state: fill and drop the module's Python objects.
 *
 * Called by engine/module.c at import and when the module is collected, and by
 * bindings/app.c when the first compiled application is bound. It only imports
 * and stores; it never calls user code.
 */
#include "bindings/module_state.h"

#include <stddef.h>

static int
intern_all(struct pyb_module_state *st)
{
#define PYB_FILL(name) \
	if ((st->n_##name = PyUnicode_InternFromString(#name)) == NULL) \
		return -1;
	PYB_NAMES(PYB_FILL)
#undef PYB_FILL
#define PYB_FILL(name, text) \
	if ((st->t_##name = PyUnicode_InternFromString(text)) == NULL) \
		return -1;
	PYB_TEXTS(PYB_FILL)
#undef PYB_FILL
	return 0;
}

/* One row per imported name: where it goes and where it comes from. */
struct import_row {
	size_t offset;
	const char *module;
	const char *name;
};

#define ROW(field, module, name) { offsetof(struct pyb_module_state, field), module, name }

static const struct import_row general_rows[] = {
	ROW(task_class, "asyncio", "Task"),
	ROW(deepcopy, "copy", "deepcopy"),
	ROW(enter_task, "asyncio.tasks", "_enter_task"),
	ROW(leave_task, "asyncio.tasks", "_leave_task"),
	ROW(get_running_loop, "asyncio", "get_running_loop"),
	ROW(set_running_loop, "asyncio.events", "_set_running_loop"),
	ROW(log_exception, "fastrapi.hooks", "log_exception"),
	ROW(new_request_task, "fastrapi.hooks", "new_request_task"),
	ROW(pool_thread_start, "fastrapi.hooks", "pool_thread_start"),
	ROW(pool_limit, "fastrapi.hooks", "pool_limit"),
	ROW(pool_context, "fastrapi.hooks", "pool_context"),
};

static const struct import_row fastapi_rows[] = {
	ROW(from_json, "pydantic_core", "from_json"),
	ROW(validation_error, "pydantic_core", "ValidationError"),
	ROW(uuid_class, "uuid", "UUID"),
	ROW(jsonable_encoder, "fastapi.encoders", "jsonable_encoder"),
	ROW(json_dumps, "json", "dumps"),
	ROW(response_base, "starlette.responses", "Response"),
	ROW(request_class, "starlette.requests", "Request"),
	ROW(background_class, "fastapi", "BackgroundTasks"),
	ROW(mutable_headers, "starlette.datastructures", "MutableHeaders"),
	ROW(shielded, "fastrapi.hooks", "shielded"),
};

static int
import_rows(struct pyb_module_state *st, const struct import_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		PyObject **field = (PyObject **)((char *)st + rows[i].offset);
		PyObject *module;

		if (*field != NULL)
			continue;
		module = PyImport_ImportModule(rows[i].module);
		if (module == NULL)
			return -1;
		*field = PyObject_GetAttrString(module, rows[i].name);
		Py_DECREF(module);
		if (*field == NULL)
			return -1;
	}
	return 0;
}

int
pyb_module_state_init(struct pyb_module_state *st)
{
	if (intern_all(st) < 0)
		return -1;
	st->empty_bytes = PyBytes_FromStringAndSize(NULL, 0);
	st->kw_from_attributes = Py_BuildValue("(s)", "from_attributes");
	st->kw_dumps = Py_BuildValue("(ssss)", "ensure_ascii", "allow_nan",
	    "indent", "separators");
	st->comma_colon = Py_BuildValue("(ss)", ",", ":");
	st->asgi_info = Py_BuildValue("{OOOO}", st->n_version, st->t_v3,
	    st->n_spec_version, st->t_spec);
#if PY_VERSION_HEX >= 0x030C0000
	st->kw_task = Py_BuildValue("(sss)", "loop", "context", "eager_start");
#else
	st->kw_task = Py_BuildValue("(ss)", "loop", "context");
#endif
	if (st->kw_task == NULL || st->empty_bytes == NULL || st->kw_from_attributes == NULL ||
	    st->kw_dumps == NULL || st->comma_colon == NULL || st->asgi_info == NULL)
		return -1;
	return import_rows(st, general_rows,
	    sizeof(general_rows) / sizeof(general_rows[0]));
}

int
pyb_module_state_load_fastapi(struct pyb_module_state *st)
{
	if (import_rows(st, fastapi_rows,
	    sizeof(fastapi_rows) / sizeof(fastapi_rows[0])) < 0)
		return -1;
	if (st->response_call == NULL)
		st->response_call = PyObject_GetAttrString(st->response_base, "__call__");
	return st->response_call == NULL ? -1 : 0;
}

/* The state is nothing but object pointers, so one loop visits them all. */
_Static_assert(sizeof(struct pyb_module_state) % sizeof(PyObject *) == 0,
    "pyb_module_state holds object pointers only");

int
pyb_module_state_traverse(struct pyb_module_state *st, visitproc visit, void *arg)
{
	PyObject **all = (PyObject **)st;

	for (size_t i = 0; i < sizeof(*st) / sizeof(PyObject *); i++)
		Py_VISIT(all[i]);
	return 0;
}

void
pyb_module_state_clear(struct pyb_module_state *st)
{
	PyObject **all = (PyObject **)st;

	for (size_t i = 0; i < sizeof(*st) / sizeof(PyObject *); i++)
		Py_CLEAR(all[i]);
}
