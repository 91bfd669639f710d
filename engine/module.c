/*
 * module: fastrapi._engine, the extension's only entry.
 *
 * Multi-phase initialisation with a state of its own; everything it offers is
 * registered by the rooms it comes from.
 */
#include <Python.h>

#include "bindings/app.h"
#include "bindings/asgi/asgi.h"
#include "bindings/coro.h"
#include "bindings/loop/future.h"
#include "bindings/loop/handle.h"
#include "bindings/loop/local.h"
#include "bindings/loop/loop.h"
#include "bindings/loop/pool.h"
#include "bindings/loop/subtask.h"
#include "bindings/loop/timer.h"
#include "bindings/loop/turn.h"
#include "bindings/module_state.h"
#include "bindings/plan/chunks.h"
#include "bindings/plan/events.h"
#include "bindings/plan/nested.h"
#include "bindings/plan/parts.h"
#include "bindings/plan/pieces.h"
#include "bindings/stack/dispatch.h"
#include "bindings/stack/filter.h"
#include "bindings/stack/outer.h"
#include "bindings/stack/passage.h"
#include "bindings/stack/race.h"
#include "bindings/stack/sink.h"
#include "bindings/stack/started.h"
#include "bindings/stack/stretch.h"
#include "bindings/stack/within.h"
#include "bindings/table/build.h"
#include "bindings/table/read_back.h"
#include "bindings/websocket/broadcast.h"
#include "bindings/websocket/methods.h"
#include "bindings/websocket/type.h"
#include "engine/arguments.h"
#include "engine/orphan.h"
#include "engine/serve.h"
#include "engine/settings.h"
#include "engine/testclient.h"
#include "http/status.h"

static int
types_make(PyObject *module, struct pyb_module_state *st)
{
	return (st->coro_type = pyb_coro_type_new(module)) == NULL ||
	    (st->asgi_type = pyb_asgi_type_new(module)) == NULL ||
	    (st->websocket_type = pyb_websocket_type_new(module)) == NULL ||
	    (st->websocket_methods_type = pyb_methods_type_new(module)) == NULL ||
	    (st->local_type = pyb_local_type_new(module)) == NULL ||
	    (st->pool_type = pyb_pool_type_new(module)) == NULL ||
	    (st->handle_type = pyb_handle_type_new(module)) == NULL ||
	    (st->timer_handle_type =
		pyb_timer_type_new(module, st->handle_type)) == NULL ||
	    (st->loop_type = pyb_loop_type_new(module)) == NULL ||
	    (st->binding_type = pyb_binding_type_new(module)) == NULL ||
	    (st->within_type = pyb_within_type_new(module)) == NULL ||
	    (st->outer_type = pyb_outer_type_new(module)) == NULL ||
	    (st->sink_type = pyb_sink_type_new(module)) == NULL ||
	    (st->started_type = pyb_started_type_new(module)) == NULL ||
	    (st->dispatch_type = pyb_dispatch_type_new(module)) == NULL ||
	    (st->passage_type = pyb_passage_type_new(module)) == NULL ||
	    (st->stretch_type = pyb_stretch_type_new(module)) == NULL ||
	    (st->filter_type = pyb_filter_type_new(module)) == NULL ||
	    (st->chunks_type = pyb_chunks_type_new(module)) == NULL ||
	    (st->events_type = pyb_events_type_new(module)) == NULL ||
	    (st->parts_type = pyb_parts_type_new(module)) == NULL ||
	    (st->race_type = pyb_race_type_new(module)) == NULL ||
	    (st->turn_type = pyb_turn_type_new(module)) == NULL ||
	    (st->app_type = pyb_app_type_new(module)) == NULL ? -1 : 0;
}

static int
module_exec(PyObject *module)
{
	struct pyb_module_state *st = PyModule_GetState(module);

	if (Py_Version >= 0x030D0000)
		hx_status_rename();
	if (pyb_module_state_init(st) < 0 || types_make(module, st) < 0)
		return -1;
	if (PyModule_AddType(module, st->loop_type) < 0 ||
	    PyModule_AddType(module, st->handle_type) < 0 ||
	    PyModule_AddType(module, st->timer_handle_type) < 0 ||
	    PyModule_AddType(module, st->binding_type) < 0 ||
	    PyModule_AddType(module, st->within_type) < 0 ||
	    PyModule_AddType(module, st->outer_type) < 0 ||
	    PyModule_AddType(module, st->stretch_type) < 0 ||
	    PyModule_AddType(module, st->dispatch_type) < 0 ||
	    PyModule_AddType(module, st->events_type) < 0 ||
	    PyModule_AddType(module, st->parts_type) < 0 ||
	    PyModule_AddType(module, st->chunks_type) < 0 ||
	    PyModule_AddType(module, st->passage_type) < 0 ||
	    PyModule_AddType(module, st->asgi_type) < 0 ||
	    PyModule_AddType(module, st->websocket_type) < 0 ||
	    PyModule_AddType(module, st->websocket_methods_type) < 0 ||
	    PyModule_AddType(module, st->app_type) < 0)
		return -1;
	if (pyb_subtask_register(module) < 0 || pyb_future_register(module) < 0 ||
	    pyb_nested_register(module) < 0 || pyb_broadcast_register(module) < 0 ||
	    pyb_pieces_register(module) < 0 || pyb_within_register(module) < 0 ||
	    pyb_build_register(module) < 0 ||
	    pyb_read_back_register(module) < 0 || engine_serve_register(module) < 0 ||
	    engine_settings_register(module) < 0 || engine_orphan_register(module) < 0 ||
	    engine_arguments_register(module) < 0)
		return -1;
	return engine_testclient_register(module);
}

static int
module_traverse(PyObject *module, visitproc visit, void *arg)
{
	return pyb_module_state_traverse(PyModule_GetState(module), visit, arg);
}

static int
module_clear(PyObject *module)
{
	pyb_module_state_clear(PyModule_GetState(module));
	return 0;
}

static void
module_free(void *module)
{
	module_clear(module);
}

static PyModuleDef_Slot module_slots[] = {
	{ Py_mod_exec, module_exec },
	{ 0, NULL }
};

static struct PyModuleDef module_def = {
	PyModuleDef_HEAD_INIT,
	.m_name = "fastrapi._engine",
	.m_doc = "The C engine of fastrd. Not a public interface.",
	.m_size = sizeof(struct pyb_module_state),
	.m_slots = module_slots,
	.m_traverse = module_traverse,
	.m_clear = module_clear,
	.m_free = module_free,
};

PyMODINIT_FUNC PyInit__engine(void);

PyMODINIT_FUNC
PyInit__engine(void)
{
	return PyModuleDef_Init(&module_def);
}
