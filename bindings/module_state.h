/*
 * module_state: the Python objects the bindings need, once per module.
 *
 * Interned names, imported callables and the module's own types. Filled at
 * import, read-only afterwards, dropped with the module. Functions that run
 * for a request reach it through their struct pyb_app.
 */
#ifndef BINDINGS_MODULE_STATE_H
#define BINDINGS_MODULE_STATE_H

#include <Python.h>

/* Every interned name, so that a spelling is written once. (An attribute asked for
 * by a C string is a new string each time, and stays in the cache of types.) */
#define PYB_NAMES(X) \
	X(app) X(asgi) X(aclose) X(background) X(body) X(charset) X(client) \
	X(close) X(content) X(cookies) X(encode) X(endpoint) X(extensions) \
	X(headers) X(http) X(http_version) X(message) X(method) X(more_body) \
	X(path) X(path_params) X(query_string) X(raw) X(raw_headers) X(raw_path) \
	X(receive) X(resume) X(root_path) X(route) X(router) X(scheme) X(scope) \
	X(send) X(server) X(set_result) X(spec_version) X(state) X(status) \
	X(status_code) X(tasks) X(throw) X(type) X(validate_python) X(version) \
	X(create_future) X(_asyncio_future_blocking) X(_body) X(_json) \
	X(fill_scope) X(raise_request_errors) X(form) X(fail_content) X(stacks_used) X(unwind) X(middleware_stack) \
	X(add_done_callback) X(dependency_overrides) X(done) X(render_response_headers) \
	X(set_exception) X(value) X(_fastrapi_host) X(__call__) X(__dict__) X(_list) \
	X(query_params) X(_headers) X(_query_params) X(_cookies)

/* Strings that are not identifiers. */
#define PYB_TEXTS(X) \
	X(http_request, "http.request") \
	X(http_disconnect, "http.disconnect") \
	X(http_response_start, "http.response.start") \
	X(http_response_body, "http.response.body") \
	X(v11, "1.1") X(v10, "1.0") X(v3, "3.0") X(spec, "2.3") X(empty, "") \
	X(replay, "fastrapi.replay") X(request, "fastrapi.request")

struct pyb_module_state {
#define PYB_FIELD(name) PyObject *n_##name;
	PYB_NAMES(PYB_FIELD)
#undef PYB_FIELD
#define PYB_FIELD(name, text) PyObject *t_##name;
	PYB_TEXTS(PYB_FIELD)
#undef PYB_FIELD
	PyObject *empty_bytes;
	PyObject *task_class;		/* asyncio.Task */
	PyObject *kw_task;		/* ("loop", "context"[, "eager_start"]) */
	PyObject *kw_from_attributes;	/* ("from_attributes",) */
	PyObject *asgi_info;		/* {"version": "3.0", "spec_version": "2.3"} */
	PyObject *deepcopy;		/* copy.deepcopy */
	PyObject *enter_task, *leave_task;	/* asyncio's, C accelerated */
	PyObject *get_running_loop;	/* asyncio.get_running_loop */
	PyObject *set_running_loop;	/* asyncio.events._set_running_loop */
	PyObject *log_exception;	/* fastrapi.hooks: (message, exception) -> None */
	PyObject *new_request_task;	/* fastrapi.hooks: (loop, coroutine) -> task */
	PyObject *pool_thread_start;	/* fastrapi.hooks: (pool, loop, number) -> None */
	PyObject *pool_limit;		/* fastrapi.hooks: () -> int */
	PyObject *pool_context;		/* fastrapi.hooks: () -> context for a thread call */
	/* Loaded by pyb_module_state_load_fastapi(): an app that is no FastAPI app
	 * is served without importing any of it. */
	PyObject *from_json;		/* pydantic_core.from_json */
	PyObject *jsonable_encoder;	/* fastapi.encoders.jsonable_encoder */
	PyObject *json_dumps;		/* json.dumps */
	PyObject *kw_dumps;		/* its keyword names, as JSONResponse.render passes them */
	PyObject *comma_colon;		/* (",", ":") */
	PyObject *response_base;	/* starlette.responses.Response */
	PyObject *response_call;	/* Response.__call__ */
	PyObject *request_class;	/* starlette.requests.Request */
	PyObject *background_class;	/* fastapi.BackgroundTasks */
	PyObject *uuid_class;		/* uuid.UUID */
	PyObject *validation_error;	/* pydantic_core.ValidationError */
	PyObject *mutable_headers;	/* starlette.datastructures.MutableHeaders */
	PyObject *shielded;		/* fastrapi.hooks: (future) -> coroutine of its result */
	PyTypeObject *coro_type;
	PyTypeObject *asgi_type;
	PyTypeObject *app_type;
	PyTypeObject *binding_type;
	PyTypeObject *local_type;
	PyTypeObject *handle_type;
	PyTypeObject *timer_handle_type;
	PyTypeObject *loop_type;
	PyTypeObject *pool_type;
};

/* Fill `st` (zeroed). 0, or -1 with an exception set; what was filled stays
 * for pyb_module_state_clear(). */
int pyb_module_state_init(struct pyb_module_state *st);

/* Import what compiled plans call in FastAPI, Starlette and Pydantic. 0, or -1
 * with an exception set. Idempotent. */
int pyb_module_state_load_fastapi(struct pyb_module_state *st);

int pyb_module_state_traverse(struct pyb_module_state *st, visitproc visit, void *arg);
void pyb_module_state_clear(struct pyb_module_state *st);

#endif
