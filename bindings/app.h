/*
 * app: one application as this process serves it.
 *
 * The Python type App holds the ASGI callable and, for a FastAPI application
 * that could be compiled, the binding in force.
 */
#ifndef BINDINGS_APP_H
#define BINDINGS_APP_H

#include <Python.h>
#include <stdbool.h>

#include "base/attr.h"
#include "bindings/binding.h"
#include "bindings/json.h"
#include "bindings/layers.h"
#include "bindings/loop/sync_mode.h"
#include "bindings/module_state.h"
#include "shm/board.h"

/* Call upward, with the interpreter held: the last run of the application ended. */
typedef void pyb_app_idle_f(void *arg);

/* In the order of the words of base/conf_keys.def. */
enum pyb_force { PYB_FORCE_COMPILED, PYB_FORCE_ASGI, PYB_FORCE_NONE };

struct pyb_app {
	PyObject_HEAD
	struct pyb_module_state *st;
	PyObject *asgi;
	PyObject *state;	/* what the lifespan put into scope["state"] */
	PyObject *rebind;	/* (app) -> None: compile and bind() again; NULL: never */
	PyObject *server;	/* (host, port) in the last scope, which the next shares; or NULL */
	struct pyb_layers edge;	/* those that the server was told to put around it */
	PyObject *behind;	/* Starlette's own in their place, around `asgi`; NULL: none */
	/* NULL: everything goes through ASGI. Only the loop's thread may change it:
	 * pyb_request_match() reads it there without the interpreter. */
	struct pyb_binding *binding;
	bool bound;		/* bind() was called, or tried at the first request */
	uint32_t epoch;		/* counts bindings */
	int64_t checked_s;	/* when the guards were last checked in full, Unix time */
	struct pyb_late late;	/* of requests that have no plan, */
	struct pyb_late late_websockets;	/* and of WebSockets */
	enum pyb_force force;
	enum pyb_sync sync;
	struct pyb_json json;	/* scratch for one answer at a time */
	struct shm_board *board;	/* see pyb_app_count_on() */
	struct shm_board own_board;
	size_t running;		/* runs of `asgi` that have not ended; they may have answered */
	pyb_app_idle_f *idle;	/* see pyb_app_on_idle() */
	void *idle_arg;
};

/* From now on call `idle(arg)` whenever the last run of the application has ended.
 * NULL: call nobody any more. */
void pyb_app_on_idle(struct pyb_app *app, pyb_app_idle_f *idle, void *arg);

/* A run of the application's ASGI callable begins or ends. Background tasks and the
 * exits of `yield` dependencies are part of the run. */
void pyb_app_run_begin(struct pyb_app *app);
void pyb_app_run_end(struct pyb_app *app);

/* From now on serve from `binding`, of which the application takes a reference of
 * its own. NULL: everything goes through ASGI. */
void pyb_app_set_binding(struct pyb_app *app, struct pyb_binding *binding);

/* Have `rebind`, which is set, compile the application. Where there was no memory for it, the next
 * request tries again. */
void pyb_app_rebind(struct pyb_app *app);

/* From now on count requests on `board`, borrowed until the next call. NULL: on a
 * board of the application's own, which no other process sees. */
void pyb_app_count_on(struct pyb_app *app, struct shm_board *board);

/* Create the type; new reference, NULL with an exception set. */
PyTypeObject *pyb_app_type_new(PyObject *module) MUST_CHECK;

#endif
