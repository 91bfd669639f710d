/*
 * module_state: the Python objects that the bindings need, once per module.
 *
 * Interned names, imported objects and the module's own types. What is the module's own
 * is made while the module is imported. What is asyncio's is taken when the first
 * application or event loop is made, so that what an application has replaced in asyncio
 * while it was imported is respected; what is FastAPI's when the first compiled
 * application is bound. Nothing changes afterwards. The module drops all when it is
 * collected. Code that runs for a request reaches it through its struct pyb_app.
 */
#ifndef BINDINGS_MODULE_STATE_H
#define BINDINGS_MODULE_STATE_H

#include <Python.h>

#include "base/attr.h"

/*
 * Every member, once. From these rows come the struct, its filling, its traversal
 * and its clearing.
 *
 *	NAME(x)				st->n_x, the interned string "x"
 *	TEXT(x, "text")			st->t_x, an interned string that is no identifier
 *	IMPORT(x, "module", "name")	st->x, imported by pyb_module_state_load()
 *	FASTAPI(x, "module", "name")	st->x, imported by pyb_module_state_load_fastapi(),
 *					so that other applications import none of it
 *	MADE(x)				st->x, made in module_state.c
 *	TYPE(x)				st->x, a type, made in engine/module.c
 *
 * An attribute that is asked for by a C string is a new string object each time,
 * and each stays in CPython's cache of type attributes: hence the names.
 */
#define PYB_MODULE_STATE(NAME, TEXT, IMPORT, FASTAPI, MADE, TYPE) \
	NAME(accessed) NAME(adopt) NAME(app) NAME(app_root_path) NAME(application_state) NAME(args) \
	NAME(asgi) NAME(background) NAME(body) NAME(charset) NAME(client) NAME(close_files) \
	NAME(content_errors) NAME(cookies) NAME(create_future) NAME(detail) NAME(done) \
	NAME(effective_route_context) NAME(encode) NAME(endpoint) NAME(errors) NAME(extensions) \
	NAME(fail_content) NAME(fastapi) NAME(fastapi_function_astack) NAME(fastapi_inner_astack) \
	NAME(fastapi_middleware_astack) NAME(filename) NAME(fill_scope) NAME(form_limits) \
	NAME(func) NAME(get) NAME(headers) NAME(http) NAME(http_version) NAME(included_router) \
	NAME(is_async) NAME(join) NAME(keep_files) NAME(kwargs) NAME(method) NAME(modified) \
	NAME(more_body) NAME(path) NAME(path_params) NAME(query_params) NAME(query_string) \
	NAME(raise_request_errors) NAME(raw_headers) NAME(raw_path) NAME(read_form) \
	NAME(request_errors) NAME(root_path) NAME(route) NAME(router) NAME(scheme) NAME(scope) \
	NAME(server) NAME(session) NAME(set_exception) NAME(set_result) NAME(shield) NAME(size) \
	NAME(spec_version) NAME(stacks_used) NAME(state) NAME(status) NAME(status_code) \
	NAME(tasks) NAME(throw) NAME(time) NAME(trailers) NAME(type) NAME(unwind) NAME(__aenter__) \
	NAME(__aexit__) NAME(_body) NAME(_form) NAME(ag_frame) NAME(drop) NAME(get_loop) \
	NAME(_callbacks) NAME(__self__) NAME(be_cancelled) NAME(begin_task) NAME(end_task) \
	NAME(enter_scope) NAME(leave_scope) NAME(body_iterator) NAME(call_later) NAME(call_soon) \
	NAME(cancel) NAME(close) NAME(cancel_scope) NAME(dispatch_func) NAME(fail) NAME(get_name) \
	NAME(info) NAME(is_cancelled) NAME(leave) NAME(media_type) NAME(grouped) NAME(request) \
	NAME(request_id) NAME(revoke) NAME(ring) NAME(surface) NAME(stream) NAME(wrapped_receive) \
	NAME(_is_disconnected) NAME(_must_cancel) NAME(_receive) NAME(_send) \
	NAME(send_bytes) NAME(send_text) \
	NAME(_stream_consumed) \
	NAME(_task_factory) NAME(_wrapped_rcv_consumed) NAME(_wrapped_rcv_disconnected) \
	NAME(__call__) NAME(_cookies) NAME(__dict__) NAME(__enter__) NAME(__exit__) \
	NAME(_exit_callbacks) NAME(_fastrapi_local) NAME(_headers) NAME(_list) \
	NAME(_log_destroy_pending) NAME(_query_params) NAME(bytes) NAME(code) NAME(reason) \
	NAME(subprotocol) NAME(subprotocols) NAME(text) NAME(websocket) NAME(ws) NAME(wss) \
	NAME(client_state) NAME(dumps) NAME(json) NAME(loads) NAME(receive) NAME(send) \
	NAME(_raise_on_disconnect) \
	\
	TEXT(http_request, "http.request") \
	TEXT(http_disconnect, "http.disconnect") \
	TEXT(http_response_start, "http.response.start") \
	TEXT(http_response_body, "http.response.body") \
	TEXT(http_response_debug, "http.response.debug") \
	TEXT(http_response_early_hint, "http.response.early_hint") \
	TEXT(http_response_pathsend, "http.response.pathsend") \
	TEXT(websocket_accept, "websocket.accept") \
	TEXT(websocket_close, "websocket.close") \
	TEXT(websocket_connect, "websocket.connect") \
	TEXT(websocket_disconnect, "websocket.disconnect") \
	TEXT(websocket_http_response, "websocket.http.response") \
	TEXT(websocket_http_response_body, "websocket.http.response.body") \
	TEXT(websocket_http_response_start, "websocket.http.response.start") \
	TEXT(websocket_receive, "websocket.receive") \
	TEXT(websocket_send, "websocket.send") \
	/* The name that anyio gives to the task of coro() inside call_next(). */ \
	TEXT(application_task, "starlette.middleware.base.BaseHTTPMiddleware.__call__.<locals>." \
	    "call_next.<locals>.coro") \
	TEXT(fastrapi_request, "fastrapi-request") \
	TEXT(v10, "1.0") \
	TEXT(v11, "1.1") \
	TEXT(WS, "WS") \
	TEXT(exception_handlers, "starlette.exception_handlers") \
	TEXT(telemetry, "fastapi.telemetry") \
	/* Keys of a scope, also in compile/seam.py. */ \
	TEXT(form, "fastrapi.form") \
	TEXT(outcome, "fastrapi.outcome") \
	TEXT(replay, "fastrapi.replay") \
	TEXT(request, "fastrapi.request") \
	TEXT(session, "fastrapi.session") \
	\
	IMPORT(task_class, "asyncio", "Task") \
	IMPORT(get_running_loop, "asyncio", "get_running_loop") \
	IMPORT(set_running_loop, "asyncio.events", "_set_running_loop") \
	IMPORT(cancelled_error, "asyncio", "CancelledError") \
	IMPORT(current_task, "asyncio", "current_task") \
	IMPORT(future_class, "asyncio", "Future") \
	IMPORT(enter_task, "asyncio.tasks", "_enter_task") \
	IMPORT(leave_task, "asyncio.tasks", "_leave_task") \
	IMPORT(deepcopy, "copy", "deepcopy") \
	/* what send() raises when the other side of a WebSocket is gone, an OSError */ \
	IMPORT(client_disconnected, "fastrapi.hooks", "ClientDisconnected") \
	/* (message, exception or None) -> None */ \
	IMPORT(log_exception, "fastrapi.hooks", "log_exception") \
	/* the class of stand-ins; (loop) -> the coroutine of one */ \
	IMPORT(request_task, "fastrapi.hooks", "RequestTask") \
	IMPORT(request_coroutine, "fastrapi.hooks", "RequestCoroutine") \
	/* (task, coroutine, context, name or None, what it has yielded) -> None */ \
	IMPORT(adopt_request_task, "fastrapi.hooks", "adopt_request_task") \
	IMPORT(end_request_task, "fastrapi.hooks", "end_request_task") \
	/* (pool, loop) -> None */ \
	IMPORT(pool_thread_start, "fastrapi.hooks", "pool_thread_start") \
	/* () -> int */ \
	IMPORT(pool_limit, "fastrapi.hooks", "pool_limit") \
	/* () -> the context of a call on a pool thread */ \
	IMPORT(pool_context, "fastrapi.hooks", "pool_context") \
	\
	FASTAPI(from_json, "fastrapi.compile.dialect", "parse_json") \
	FASTAPI(validation_error, "pydantic_core", "ValidationError") \
	FASTAPI(uuid_class, "uuid", "UUID") \
	FASTAPI(response_base, "starlette.responses", "Response") \
	FASTAPI(request_class, "starlette.requests", "Request") \
	FASTAPI(websocket_class, "starlette.websockets", "WebSocket") \
	FASTAPI(client_disconnect, "starlette.requests", "ClientDisconnect") \
	FASTAPI(form_class, "starlette.datastructures", "FormData") \
	FASTAPI(upload_class, "starlette.datastructures", "UploadFile") \
	FASTAPI(multipart_exception, "starlette.formparsers", "MultiPartException") \
	/* (form, or the exception that reading it raised) -> the outcome of a plan that gave up */ \
	FASTAPI(form_outcome, "fastrapi.compile.seam", "FormRead") \
	/* (headers, filename, content) -> UploadFile; None: it does not stay in memory */ \
	FASTAPI(make_upload, "fastrapi.compile.uploads", "make_upload") \
	FASTAPI(background_class, "fastapi", "BackgroundTasks") \
	FASTAPI(exit_stack, "contextlib", "AsyncExitStack") \
	/* (content or exception, receive) -> a receive that gives the content again */ \
	FASTAPI(receive_again, "fastrapi.compile.junctions", "ReceiveAgain") \
	/* (scope, exception or None) -> the outcome of a plan whose answer is a handler's */ \
	FASTAPI(handled_outcome, "fastrapi.compile.exit_stacks", "Handled") \
	/* (response, scope, receive, send) -> what streams a response, or None */ \
	FASTAPI(streaming, "fastrapi.compile.streams", "streaming") \
	/* where FastAPI keeps the stack of what is left after the answer */ \
	FASTAPI(late_stack, "fastrapi.compile.exit_stacks", "LATE_STACK") \
	/* (coroutine, receive) -> what sends a file behind a layer */ \
	FASTAPI(file_behind, "fastrapi.compile.streams", "file_behind") \
	/* (scope, scoped) -> FastAPI's cancel scope around asynchronous dependencies, entered; \
	 * None: it would not count */ \
	FASTAPI(enter_cleanup, "fastrapi.compile.exit_stacks", "enter_cleanup") \
	/* where FastAPI keeps those scopes, or None */ \
	FASTAPI(cleanup_scopes, "fastrapi.compile.exit_stacks", "CLEANUP_SCOPES") \
	FASTAPI(send_nothing, "fastrapi.compile.exit_stacks", "send_nothing") \
	/* the exception of an endpoint that has sent the start of an answer before */ \
	FASTAPI(begun_class, "fastrapi.compile.exit_stacks", "Begun") \
	/* () -> (shield, scope): what a hop waits in, and the cancel scope of its functions */ \
	FASTAPI(thread_scopes, "fastrapi.compile.scopes", "thread_scopes") \
	/* (future, shield) -> a coroutine of its result; cancel scopes wait for it */ \
	FASTAPI(shielded, "fastrapi.compile.scopes", "shielded") \
	/* (shield) -> was a cancel scope around it cancelled */ \
	FASTAPI(is_cancelled_around, "fastrapi.compile.scopes", "is_cancelled_around") \
	/* (scope) -> the one before it on this thread */ \
	FASTAPI(swap_scope, "fastrapi.compile.scopes", "swap_scope") \
	/* () -> a coroutine that raises where its task is cancelled by a scope */ \
	FASTAPI(checkpoint_if_cancelled, "anyio.lowlevel", "checkpoint_if_cancelled") \
	/* () -> what FastAPI awaits when it has left an asynchronous generator */ \
	FASTAPI(checkpoint, "fastrapi.compile.exit_stacks", "checkpoint") \
	/* what anyio's memory streams raise when the other end, or this one, is closed */ \
	FASTAPI(broken_resource, "anyio", "BrokenResourceError") \
	FASTAPI(closed_resource, "anyio", "ClosedResourceError") \
	/* () -> a coroutine that lets others have their turn, where it may be cancelled */ \
	FASTAPI(turn, "anyio.lowlevel", "checkpoint") \
	/* a dict: the own classes of background tasks -> their __call__ */ \
	FASTAPI(background_calls, "fastrapi.compile.exit_stacks", "BACKGROUND_CALLS") \
	FASTAPI(background_task, "starlette.background", "BackgroundTask") \
	/* a dict: is it empty, then no task has entered a cancel scope of anyio's */ \
	FASTAPI(cancel_scopes, "fastrapi.compile.exit_stacks", "CANCEL_SCOPES") \
	\
	MADE(kw_task)			/* ("name", "loop", "context"[, "eager_start"]) */ \
	MADE(kw_loop)			/* ("loop",) */ \
	MADE(kw_dumps)			/* ("separators", "ensure_ascii") */ \
	MADE(json_separators)		/* (",", ":") */ \
	MADE(kw_from_attributes)	/* ("from_attributes",) */ \
	MADE(asgi_info)			/* {"version": "3.0", "spec_version": "2.3"} */ \
	MADE(asgi_websocket_info)	/* ... of WebSockets, with "2.4" */ \
	MADE(current_tasks)		/* asyncio's dict of them by loop, which enter_task() and \
					 * leave_task() keep; NULL: this version has none */ \
	MADE(scope)			/* the keys of a scope in uvicorn's order, and the values that \
					 * most requests share; else None */ \
	MADE(field_words)		/* a dict, to themselves: names and values, bytes, that most \
					 * handshakes have */ \
	MADE(content_length)		/* b"content-length" */ \
	MADE(content_type_json)		/* (b"content-type", b"application/json") */ \
	MADE(response_call)		/* Response.__call__, with the FASTAPI rows */ \
	\
	TYPE(coro_type) TYPE(asgi_type) TYPE(websocket_type) TYPE(websocket_methods_type) \
	TYPE(app_type) TYPE(binding_type) TYPE(local_type) \
	TYPE(handle_type) TYPE(timer_handle_type) TYPE(loop_type) TYPE(pool_type) \
	TYPE(within_type) TYPE(outer_type) TYPE(sink_type) TYPE(started_type) TYPE(dispatch_type) \
	TYPE(passage_type) TYPE(stretch_type) TYPE(filter_type) TYPE(chunks_type) TYPE(parts_type) \
	TYPE(events_type) TYPE(race_type) TYPE(turn_type)

struct pyb_module_state {
#define PYB_NAME(x) PyObject *n_##x;
#define PYB_TEXT(x, text) PyObject *t_##x;
#define PYB_IMPORT(x, module, name) PyObject *x;
#define PYB_MADE(x) PyObject *x;
#define PYB_TYPE(x) PyTypeObject *x;
	PYB_MODULE_STATE(PYB_NAME, PYB_TEXT, PYB_IMPORT, PYB_IMPORT, PYB_MADE, PYB_TYPE)
#undef PYB_NAME
#undef PYB_TEXT
#undef PYB_IMPORT
#undef PYB_MADE
#undef PYB_TYPE
};

/* Fill `st` (zeroed) but for the IMPORT and FASTAPI rows and the types. 0, or -1 with an
 * exception set; what was filled stays for pyb_module_state_clear(). */
int pyb_module_state_init(struct pyb_module_state *st) MUST_CHECK;

/* Import what every application needs. 0, or -1 with an exception set. May be called
 * again. */
int pyb_module_state_load(struct pyb_module_state *st) MUST_CHECK;

/* Import what compiled plans call in FastAPI, Starlette and Pydantic. 0, or -1
 * with an exception set. May be called again. */
int pyb_module_state_load_fastapi(struct pyb_module_state *st) MUST_CHECK;

/* The members' part of the module's tp_traverse and tp_clear. */
int pyb_module_state_traverse(struct pyb_module_state *st, visitproc visit, void *arg);
void pyb_module_state_clear(struct pyb_module_state *st);

#endif
